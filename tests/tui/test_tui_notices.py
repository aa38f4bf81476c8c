"""What a person is called for: each end once, each trouble once a spell, and nothing that happened before."""

from dataclasses import replace

import pytest
from batchtop.engine.snapshot import EngineRow, Event, JobRow, JobState, LaneState, Snapshot
from batchtop.tui.words.notices import CALM_S, HICCUP_S, Notice, Seen, ended, look, osc9
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import JOB, LANE, START, sample, samples, snapshot

ENGINE = EngineRow(4242, START - 190, START)
CALM = snapshot(engine=ENGINE, events=(), samples=())


def at(second: float, **changes: object) -> Snapshot:
    """Return a running job `second` seconds after the first look, without events."""
    return replace(CALM, taken_at=START + second, **changes)  # type: ignore[arg-type]


def over(state: JobState, second: float = 5, reason: str = "", **changes: object) -> Snapshot:
    job = replace(JOB, state=state, reason=reason, ended_at=START + second, **changes)
    return at(second + 1, job=job, engine=None)


def course(*looks: Snapshot) -> list[tuple[str, str]]:
    """Return what was due over a course of looks that began at START: occasion and text."""
    seen, due = Seen(START), list[Notice]()
    for each in looks:
        notices, seen = look(seen, each)
        due += notices
    assert all(notice.job == JOB.name for notice in due)
    return [(notice.occasion, notice.text) for notice in due]


@pytest.mark.parametrize(
    ("end", "expected", "good"),
    [
        (over(JobState.FINISHED, done=9_000, failed=0), ("finished", "finished: 9,000 done, 0 failed in 3m 05s"), True),
        (over(JobState.FINISHED), ("failed", "finished: 4,068 done, 12 failed in 3m 05s"), False),
        (over(JobState.STOPPED, reason="the budget is used up"), ("stopped", "stopped: the budget is used up"), False),
        (over(JobState.DRAINED, reason="3 items left"), ("drained", "drained: 3 items left"), True),
        (over(JobState.CANCELLED), ("cancelled", "cancelled: 4,068 done, 12 failed in 3m 05s"), True),
    ],
    ids=["well", "with failures", "stopped", "drained", "cancelled"],
)
def test_an_end_is_told_once(end: Snapshot, expected: tuple[str, str], *, good: bool) -> None:
    assert course(at(1), end, end, end) == [expected]
    assert course(end) == [expected], "a short job is over before it is looked at"
    (notice,), _ = look(Seen(START), end)
    assert notice.good is good
    assert ended(START, end.job) == notice


def test_an_end_before_the_first_look_is_no_news() -> None:
    old = over(JobState.FINISHED, -5)
    assert course(old, old) == []
    assert ended(START, old.job) is None
    assert ended(START, JOB) is None


def test_a_job_that_is_run_again_is_told_again() -> None:
    first, second = over(JobState.FINISHED, 5), over(JobState.FINISHED, 50)
    assert [occasion for occasion, _ in course(first, first, second, second)] == ["failed", "failed"]


def lane(state: str, reason: str = "401") -> tuple[LaneState, ...]:
    return (replace(LANE, state=state, reason=reason), replace(LANE, name="other"))


def test_a_refused_key_is_told_once_for_as_long_as_it_is_refused() -> None:
    text = f"{LANE.name} is refused: 401"
    assert course(*(at(n, lanes=lane("refused")) for n in range(300))) == [("trouble", text)]


def test_trouble_that_comes_back_at_once_is_the_same_and_later_is_new() -> None:
    again = [at(0, lanes=lane("refused")), at(1), at(CALM_S - 1, lanes=lane("refused"))]
    assert len(course(*again)) == 1
    later = [*again, at(CALM_S), at(3 * CALM_S), at(3 * CALM_S + 1, lanes=lane("refused"))]
    assert len(course(*later)) == 2


def test_a_server_with_hiccups_is_no_trouble_and_one_that_stays_away_is() -> None:
    assert course(*(at(n, lanes=lane("broken")) for n in range(int(HICCUP_S)))) == []
    assert len(course(*(at(n, lanes=lane("broken")) for n in range(60)))) == 1


@pytest.mark.parametrize("state", ["open", "cooling", "paused"])
def test_waiting_for_a_limit_is_no_trouble(state: str) -> None:
    assert course(*(at(n, lanes=lane(state)) for n in range(0, 600, 10))) == []


def test_a_silent_server_is_told_once() -> None:
    quiet = tuple(
        replace(sample(START + n, items=0, rng=None, target=4), requests=0, spent={"in_flight": 4.0})  # type: ignore[arg-type]
        for n in range(100)
    )
    looks = [at(n, samples=quiet[: n + 1], engine=replace(ENGINE, heartbeat_at=START + n)) for n in range(100)]
    assert course(*looks) == [("trouble", "no answer for 45 s")]


def test_an_engine_that_dies_is_told_and_one_that_was_dead_is_not() -> None:
    told = [("trouble", "its engine has died; run the job again to continue")]
    assert course(at(1), at(2, engine=None), at(3, engine=None)) == told
    assert course(at(1, engine=None), at(2, engine=None)) == []


def test_an_error_in_the_log_is_told_but_not_one_of_before_nor_the_end_itself() -> None:
    events = (
        Event(1, START - 5, "error", "old"),
        Event(2, START + 1, "warn", "careful"),
        Event(3, START + 2, "error", "something broke"),
        Event(4, START + 3, "error", "stopped: budget"),
    )
    assert course(at(3, events=events), at(4, events=events)) == [("trouble", "something broke")]


def test_a_calm_job_is_left_alone() -> None:
    assert course(*(at(n, samples=samples(START + n), lanes=(LANE,)) for n in range(20))) == []


# ── what a terminal is sent ──


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "\x1b]9;batchtop: reviews: finished\a"),
        ({"TERM": "xterm-256color"}, "\x1b]9;batchtop: reviews: finished\a"),
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, "\x1bPtmux;\x1b\x1b]9;batchtop: reviews: finished\a\x1b\\"),
        ({"TERM": "linux"}, ""),
        ({"TERM": "dumb"}, ""),
    ],
)
def test_a_desktop_notice_is_sent_where_a_terminal_may_know_it(environment: dict[str, str], expected: str) -> None:
    assert osc9("reviews: finished", environment) == expected


@given(st.text(max_size=400))
def test_no_text_breaks_out_of_the_notice(text: str) -> None:
    sent = osc9(text, {})
    body = sent.removeprefix("\x1b]9;").removesuffix("\a")
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in body)
    assert len(body) <= 220


def test_a_notice_reads_as_a_line() -> None:
    assert str(Notice("reviews", "finished", "finished: 3 done")) == "reviews: finished: 3 done"


def test_a_job_that_was_never_asked_has_no_time_to_tell() -> None:
    job: JobRow = replace(JOB, state=JobState.FINISHED, active_s=0.0, ended_at=START + 1, failed=0)
    notice = ended(START, job)
    assert notice is not None
    assert notice.text == "finished: 4,068 done, 0 failed"
