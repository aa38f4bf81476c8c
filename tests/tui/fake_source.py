"""A workspace made of plain Python, for driving the dashboard: a job, and an engine that can be told to sulk."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from threading import Event as Flag
from types import MappingProxyType

from batchtop.engine.course import Course
from batchtop.engine.errors import BatchtopError, UsageError, WorkspaceError
from batchtop.engine.failures import Group, Grouped, grouped, pattern
from batchtop.engine.histogram import Histogram
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.output.whole import save_new
from batchtop.engine.presets import Preset, profile
from batchtop.engine.settings import Layer, Resolved, Value, resolve
from batchtop.engine.snapshot import (
    ACTIVE,
    WINDOW_S,
    Change,
    EngineRow,
    Event,
    JobRow,
    JobState,
    LaneState,
    Sample,
    Snapshot,
)
from batchtop.engine.store.commands import Answered
from batchtop.engine.store.latest import Latest, Preview
from batchtop.engine.store.rates import Rates
from batchtop.engine.store.results import Failed, Failures, failure_line
from batchtop.engine.store.story import ItemStory
from batchtop.engine.taskspec import ChatSpec
from batchtop.tui.figures.good import History, pace_since
from batchtop.tui.figures.turns import MINUTE_S, last_turns
from batchtop.tui.reads.longreads import ITEMS_SHOWN
from batchtop.tui.reads.resultlist import RESULTS_SHOWN, Wanted
from batchtop.tui.reads.saving import Saving, names
from batchtop.tui.reads.source import Jobs

START = 1_700_000_000.0

CONSERVATIVE: Mapping[str, Value] = {"batch_size": 10, "delay": 1.5, "concurrency": 1, "max_wait": 0.5}
AGGRESSIVE: Mapping[str, Value] = {"batch_size": 15, "delay": 0.5, "concurrency": 2, "max_wait": 0.5}
DISCOVERY: Mapping[str, Value] = {"batch_size": 100, "delay": 0.05, "concurrency": 2, "max_wait": 0.3}

PRESETS = {
    "conservative": Preset("conservative", "slow and safe", {"enrichment": CONSERVATIVE}, "enrichment", "built in"),
    "aggressive": Preset(
        "aggressive",
        "fast, near the limits",
        {"enrichment": AGGRESSIVE, "discovery": DISCOVERY},
        "enrichment",
        "built in",
    ),
    "broken": Preset("broken", "", {}, "", "broken.toml", "broken.toml: profiles: is missing"),
}

JOB = JobRow(
    id=1,
    name="reviews",
    state=JobState.RUNNING,
    reason="",
    exit_code=None,
    total=9_000,
    done=4_068,
    failed=12,
    requests=4_310,
    errors=MappingProxyType({"rate_limited": 212, "timeout": 17, "bad_item": 12, "overloaded": 3}),
    cut=0,
    asked=4_080,
    spent=MappingProxyType({"in_flight": 1_486.0, "rpm": 402.0, "delay": 61.0, "cooldown": 24.0, "source": 4.0}),
    tokens_in=812_400,
    tokens_out=98_120,
    cost=0.4127,
    created_at=START - 200,
    started_at=START - 186,
    ended_at=None,
    active_s=185.2,
    task="chat",
    model="gpt-4o-mini",
    url="http://127.0.0.1:8800/v1",
    input="reviews.jsonl",
    output="out.jsonl",
)

SPEC = JobSpec(
    "reviews",
    InputSpec("reviews.jsonl"),
    ChatSpec("gpt-4o-mini", "Judge: {text}", base_url="http://127.0.0.1:8800/v1"),
)

LANE = LaneState(
    name="gpt-4o-mini @ 127.0.0.1:8800",
    rpm_limit=1_500,
    rpm_used=1_391,
    tpm_limit=1_000_000,
    tpm_used=312_400,
    limit_source="server",
    hits_429=212,
    reset_at=START + 14,
)

EVENTS = (
    Event(1, START - 186, "info", "started: 9,000 items from reviews.jsonl"),
    Event(2, START - 140, "info", "concurrency 4 → 10 by you"),
    Event(3, START - 120, "warn", "gpt-4o-mini @ 127.0.0.1:8800 is cooling: 429, retry after 2.0 s"),
    Event(4, START - 118, "info", "gpt-4o-mini @ 127.0.0.1:8800 is open"),
    Event(5, START - 60, "info", "concurrency 10 → 20 by you"),
    Event(6, START - 31, "error", "item 3071 failed: 400 context length exceeded: 9,213 tokens, at most 8,192 allowed"),
    Event(7, START - 12, "info", "delay 0.5 s → 0 s by you"),
)

CHANGES = (
    Change(START - 140, "you", "concurrency", 4, 10),
    Change(START - 60, "you", "concurrency", 10, 20),
    Change(START - 12, "you", "delay", 0.5, 0.0),
)


def sample(at: float, *, items: int, rng: Random, errors: Mapping[str, int] | None = None, target: int = 20) -> Sample:
    """Return one second of a job."""
    latency = Histogram()
    for _ in range(items):
        latency.record(rng.lognormvariate(math.log(640), 0.45))
    return Sample(
        at=at, span_s=1.0, items=items, failed=0, requests=items + sum((errors or {}).values()), errors=errors or {},
        latency=latency, in_flight=max(0, target - 3), target=target, tokens_in=items * 200, tokens_out=items * 24,
        cost=items * 0.0001, backlog=3, rss_mb=61.2, cpu=0.21,
        spent={"in_flight": 0.72 * target, "rpm": 0.25 * target, "delay": 0.03 * target},
    )  # fmt: skip


@cache
def samples(until: float = START, seconds: int = 185, seed: int = 7) -> tuple[Sample, ...]:
    """Return a job's history: three speeds, some noise, and a burst of errors."""
    rng = Random(seed)
    made: list[Sample] = []
    for i in range(seconds):
        age = seconds - i
        base, target = (8, 4) if age > 140 else (20, 10) if age > 60 else (33, 20)
        items = max(0, round(rng.gauss(base, base / 9)))
        burst = {"rate_limited": rng.randint(2, 9)} if 118 < age < 124 or age in {40, 41} else {}
        if rng.random() < 0.04:
            burst["timeout"] = 1
        made.append(sample(until - age + 1, items=items, rng=rng, errors=burst, target=target))
    return tuple(made)


def dials() -> Resolved:
    """Return settings from three places."""
    return resolve(
        [
            Layer("preset conservative", CONSERVATIVE),
            Layer("job file", {"rpm": 1_500, "tpm": 1_000_000}),
            Layer("live: you", {"concurrency": 20, "delay": 0.0}),
        ]
    )


def snapshot(**changes: object) -> Snapshot:
    """Return a running job as it is read; `changes` replace its parts."""
    base = Snapshot(
        taken_at=START,
        job=JOB,
        dials=dials(),
        samples=samples(),
        lanes=(LANE,),
        events=EVENTS,
        changes=CHANGES,
        engine=EngineRow(4242, START - 190, START - 0.3),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def ended(state: JobState = JobState.FINISHED, reason: str = "") -> Snapshot:
    """Return the same job after its end."""
    job = replace(JOB, state=state, reason=reason, done=8_988, asked=9_000, ended_at=START, exit_code=1)
    return snapshot(job=job, engine=None, taken_at=START + 600)


@dataclass
class FakeSource:
    """Answers from a snapshot; `obey` says whether the engine does what it is told, `refusal` why it does not."""

    current: Snapshot | None = field(default_factory=snapshot)
    others: tuple[JobRow, ...] = ()
    obey: bool = True
    refusal: str = ""
    trouble: str = ""
    sent: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    answers: dict[int, Answered] = field(default_factory=dict)
    withdrawn: list[int] = field(default_factory=list)
    failed: tuple[tuple[str, Failed], ...] = ()
    """Each failed item with the kind of its failure."""
    failures_read: int = 0
    held: Flag | None = None
    """Failures and results are read only once this is set."""
    previews: tuple[Preview, ...] = ()
    """Every result, the newest first."""
    looks: list[tuple[Wanted, int]] = field(default_factory=list)
    """Which results were asked for, and behind which number."""
    stories: Mapping[str, ItemStory] = field(default_factory=dict)
    items_read: list[str] = field(default_factory=list)
    reads: int = 0
    closed: bool = False
    speeds: Mapping[int, Rates] = field(default_factory=dict)
    rates_of: list[tuple[int, ...]] = field(default_factory=list)
    """Of which jobs the rates were asked, each time."""
    course: Course | None = None
    """What is told of the whole run."""

    def jobs(self) -> Jobs:
        self._check()
        rows = (*((self.current.job,) if self.current else ()), *self.others)
        return Jobs(rows, self.current.engine if self.current else None)

    def rates(self, jobs: Sequence[JobRow], now: float, *, live: bool) -> Mapping[int, Rates]:
        self.rates_of.append(tuple(job.id for job in jobs))
        return {job.id: self.speeds[job.id] for job in jobs if job.id in self.speeds}

    def snapshot(self, name: str, window_s: float = WINDOW_S) -> Snapshot | None:
        self._check()
        self.reads += 1
        found = self.current if self.current and self.current.job.name == name else None
        course = self.course if math.isinf(window_s) else None
        samples = found.samples if found and window_s else ()
        return replace(found, window_s=window_s, course=course, samples=samples) if found else None

    def failures(self, job: str, given_up: Flag) -> Grouped:
        self.failures_read += 1
        self._wait(given_up)
        return grouped(Failures(kind, item.message, 1, item.attempts, n) for n, (kind, item) in enumerate(self.failed))

    def failed_items(self, job: str, group: Group, given_up: Flag) -> tuple[Failed, ...]:
        self._wait(given_up)
        alike = (item for kind, item in self.failed if (kind, pattern(item.message)) == (group.kind, group.pattern))
        return tuple(islice(alike, ITEMS_SHOWN))

    def results(self, job: str, wanted: Wanted, after_seq: int, given_up: Flag) -> Latest:
        self.looks.append((wanted, after_seq))
        self._wait(given_up)
        new = [each for each in self.previews if each.seq > after_seq]
        fit = (each for each in new if wanted.failed in {None, each.status == "failed"})
        rows = tuple(islice((each for each in fit if wanted.find in each.text + each.key), RESULTS_SHOWN))
        return Latest(rows, new[0].seq if new else after_seq, len(new), whole=len(rows) < RESULTS_SHOWN)

    def export(self, job: str, group: Group, folder: Path, saving: Saving) -> Path:
        def lines() -> Iterator[bytes]:
            for kind, item in self.failed:
                self._wait(saving.given_up)
                if (kind, pattern(item.message)) == (group.kind, group.pattern):
                    saving.written += 1
                    yield failure_line(item.key, kind, item.message, item.attempts)

        return save_new(names(folder, job, group.kind), lines(), ())

    def item(self, job: str, key: str) -> ItemStory | None:
        self._check()
        self.items_read.append(key)
        return self.stories.get(key)

    def spec(self, job: str) -> JobSpec:
        return SPEC

    def _wait(self, given_up: Flag) -> None:
        while self.held and not self.held.wait(0.01):
            if given_up.is_set():
                raise WorkspaceError("given up")
        self._check()

    def _do_retry(self, args: Mapping[str, object]) -> None:
        assert self.current
        kinds = args["failed"]
        assert isinstance(kinds, list)
        self.failed = tuple(each for each in self.failed if each[0] not in kinds)
        self.current = replace(self.current, job=replace(self.current.job, failed=len(self.failed)))

    def moment(self, name: str, at: float) -> Snapshot | None:
        now = self.snapshot(name)
        if now is None:
            return None
        kept = tuple(each for each in now.samples if each.at <= at) or now.samples[:1]
        then = kept[-1].at
        after = [each for each in now.samples if each.at > then]
        job = replace(now.job, state=JobState.RUNNING, done=now.job.done - sum(each.items for each in after))
        engine = EngineRow(0, then, then)
        return replace(now, taken_at=then, moment=then, job=job, samples=kept, engine=engine, course=None)

    def history(self, job: str) -> History:
        self._check()
        if self.current is None or self.current.job.name != job:
            return History()
        made, changes = self.current.samples, self.current.changes
        turns = last_turns(
            changes,
            lambda since, until: [each for each in made if since < each.at <= until],
            ended=self.current.job.state not in ACTIVE,
        )
        lately = [each for each in made if each.at > made[-1].at - MINUTE_S]
        return History(turns, pace_since(lately, turns[-1].at if turns else 0.0))

    def _check(self) -> None:
        if self.trouble:
            raise WorkspaceError(self.trouble)

    def send(self, job: str, verb: str, args: Mapping[str, object]) -> int:
        self.sent.append((job, verb, dict(args)))
        if self.obey:
            self.answer_all()
        return len(self.sent)

    def answer_all(self) -> None:
        """Answer what is open, as an engine does."""
        for number in range(1, len(self.sent) + 1):
            if number not in self.answers:
                self.answers[number] = self._do(*self.sent[number - 1][1:])

    def _do(self, verb: str, args: Mapping[str, object]) -> Answered:
        if self.refusal:
            return Answered(applied=False, message=self.refusal)
        try:
            getattr(self, f"_do_{verb}")(args)
        except BatchtopError as error:
            return Answered(applied=False, message=str(error))
        return Answered(applied=True, message=f"{verb} done")

    def _do_undo(self, args: Mapping[str, object]) -> None:
        self._do_set(args, "live: you, undo", "you, undo")

    def _do_set(self, args: Mapping[str, object], origin: str = "live: you", who: str = "you") -> None:
        assert self.current
        settings = replace(self.current.dials.settings, **args)  # type: ignore[arg-type]
        origins = {**self.current.dials.origins, **dict.fromkeys(args, origin)}
        before, at = self.current.dials.settings, self.current.taken_at
        changed = [
            Change(at, who, key, getattr(before, key), getattr(settings, key))
            for key in args
            if getattr(before, key) != getattr(settings, key)
        ]
        changes = (*self.current.changes, *changed)
        self.current = replace(self.current, dials=Resolved(settings, origins), changes=changes)

    def _do_preset(self, args: Mapping[str, object]) -> None:
        label, values = profile(PRESETS, str(args["name"]))
        self._do_set(values, f"preset {label}")

    def _state(self, state: JobState, reason: str) -> None:
        assert self.current
        self.current = replace(self.current, job=replace(self.current.job, state=state, reason=reason))

    def _do_pause(self, args: Mapping[str, object]) -> None:
        self._state(JobState.PAUSED, "paused by you")

    def _do_resume(self, args: Mapping[str, object]) -> None:
        self._state(JobState.RUNNING, "")

    def _do_retest(self, args: Mapping[str, object]) -> None:
        assert self.current
        lanes = tuple(replace(lane, state="open", reason="", reset_at=None) for lane in self.current.lanes)
        self.current = replace(self.current, lanes=lanes)

    def _do_lane(self, args: Mapping[str, object]) -> None:
        assert self.current
        on = [lane.name for lane in self.current.lanes if lane.enabled]
        if not args["enabled"] and on == [args["name"]]:
            raise UsageError(f"{args['name']} is the only lane that reviews can use; pause the job instead")
        lanes = (replace(e, enabled=args["enabled"]) if e.name == args["name"] else e for e in self.current.lanes)
        self.current = replace(self.current, lanes=tuple(lanes))  # type: ignore[arg-type]

    def _do_drain(self, args: Mapping[str, object]) -> None:
        self._state(JobState.DRAINING, "drained by you")

    def _do_cancel(self, args: Mapping[str, object]) -> None:
        self._state(JobState.CANCELLED, "cancelled by you")

    def answer(self, command: int) -> Answered | None:
        return self.answers.get(command)

    def withdraw(self, command: int) -> bool:
        self.withdrawn.append(command)
        return command not in self.answers

    def close(self) -> None:
        self.closed = True
