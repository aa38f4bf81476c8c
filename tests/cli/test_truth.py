"""What the job's screen says, read as a person reads it, against what the server wrote down."""

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest
from batchtop.tui.app import Dashboard
from batchtop.tui.reads.source import WorkspaceSource
from textual.pilot import Pilot

from .shell import CHAT, ENVIRONMENT, PATIENCE_S, Shell

KEYS = {"KEY_A": "sk-the-first-of-two", "KEY_B": "sk-the-second-of-two"}
RPM = 3_000
"""What each key may: fifty requests a second, which makes a rate that stands still."""
TPM = 900_000
ITEMS = 1_850
PRICES = {"in": 100.0, "out": 400.0}
"""USD per million tokens: enough for cents to count."""
LATE_S = 2.0
"""So old may a number be: a sample a second, two looks a second, and a busy machine."""
WAY_MS = 40.0
"""What a busy machine may add to a latency on the way to the server and back."""
EDGES_S = 1.0
"""What lies before the first request and behind the last answer."""
LOOKS = 3
TICK_S = 0.4
KINDS = {"rate limited": (429,), "overloaded": (500, 503), "connection": (0,), "bad item": (400,)}
# A connection that breaks within 0.3 s counts as closed before, and its request is sent again without a word.
WELL = {"latency_ms": 600, "latency_sigma": 0.2, "seed": 3, "poison": "item 1590"}
ILL = {**WELL, "error_rate": 0.08, "drop_rate": 0.05, "limited_rate": 0.03}
BAD_TURN = 150
"""Requests that are answered as luck wants it."""


@dataclass(frozen=True)
class Answered:
    """One line of the server's log."""

    came: float
    went: float
    key: str
    status: int
    subjects: tuple[str, ...]
    tokens_in: int
    tokens_out: int

    @property
    def ok(self) -> bool:
        return self.status == 200


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]
    path: Path

    def log(self) -> list[Answered]:
        lines = self.path.read_text().splitlines()
        return [Answered(**each | {"subjects": tuple(each["subjects"])}) for each in map(json.loads, lines)]


@contextmanager
def witness(path: Path) -> Iterator[Server]:
    words = [sys.executable, "-P", str(Path(__file__).with_name("witness.py")), str(path)]
    words += [json.dumps(WELL), json.dumps(ILL), str(BAD_TURN)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout
        try:
            yield Server(process.stdout.readline().strip(), process, path)
        finally:
            process.terminate()


Check: TypeAlias = Callable[["Screen", list[Answered]], None]


class Screen:
    """The job's screen, which is looked at and not into."""

    def __init__(self, app: Dashboard, pilot: Pilot[object]) -> None:
        self._app, self._pilot = app, pilot

    @property
    def text(self) -> str:
        strips = self._app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def find(self, pattern: str) -> tuple[str, ...]:
        """Return what the groups of a pattern stand for."""
        found = re.search(pattern, self.text, re.DOTALL)
        assert found, f"{pattern} is not on the screen:\n{self.text}"
        return found.groups()

    def numbers(self, pattern: str) -> list[int]:
        return [int(each.replace(",", "")) for each in self.find(pattern)]

    async def shows(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text, re.DOTALL):
            assert time.monotonic() < deadline, f"{pattern} never came:\n{self.text}"
            await self.wait(0.2)

    async def press(self, key: str) -> None:
        await self._pilot.press(key)

    async def wait(self, seconds: float) -> None:
        await self._pilot.pause(seconds)

    async def comes_to(self, log: list[Answered], *checks: Check) -> None:
        """Wait until all checks hold, while nothing happens any more but that the screen gets to know it."""
        for check in checks:
            deadline = time.monotonic() + LATE_S
            while time.monotonic() < deadline:
                with contextlib.suppress(AssertionError):
                    check(self, log)
                    break
                await self.wait(0.2)
            else:
                check(self, log)


@asynccontextmanager
async def screen_of(path: Path, job: str) -> AsyncIterator[Screen]:
    app = Dashboard(WorkspaceSource(path), job=job, environment={})
    async with app.run_test(size=(200, 60)) as pilot:
        yield Screen(app, pilot)


# ── how near a number must be ──


def precision(number: str) -> float:
    """Return what rounding may have taken from or added to a number."""
    digits = number.replace(",", "")
    return 0.5 / 10 ** len(digits.partition(".")[2])


def agrees(told: str, least: float, most: float, share: float = 0.01) -> bool:
    """Return whether a number lies between two true ones, within 1 % and its own precision."""
    value, slack = float(told.replace(",", "")), precision(told)
    return least * (1 - share) - slack <= value <= most * (1 + share) + slack


def lately(now: float) -> list[float]:
    """Return the moments that a number seen now may tell of."""
    return [now - LATE_S * step / 50 for step in range(51)]


def rates(log: list[Answered], now: float, seconds: float) -> tuple[float, float]:
    """Return the least and the most answers a second, in all the spans of that length that may be meant by now."""
    each = [sum(end - seconds < answer.went <= end for answer in log) / seconds for end in lately(now)]
    return min(each), max(each)


def milliseconds(told: str) -> tuple[float, float]:
    """Return a latency, and the precision it is told with."""
    number, unit = told.split()
    scale = {"ms": 1.0, "s": 1000.0}[unit]
    return float(number) * scale, precision(number) * scale


# ── what is compared ──


def check_rates(screen: Screen, log: list[Answered], now: float) -> None:
    for told in screen.find(r"━ ([\d.,]+) items/s +╌ ([\d.,]+) requests/s +.*?last 10 s"):
        assert agrees(told, *rates(log, now, 10.0)), (told, rates(log, now, 10.0), screen.text)


def check_latency(screen: Screen, log: list[Answered], now: float = math.inf) -> None:
    """A client sees what the server does, and its own way there and back: never less."""
    known = [[answer for answer in log if answer.ok and answer.went <= end] for end in lately(now)]
    took = [sorted(1000 * (answer.went - answer.came) for answer in each) for each in known]
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        (told,) = screen.find(rf"{name} ([\d.]+ m?s)")
        # Which requests the last second has already told of moves the rank a little, and far out that is much.
        near = [share - 0.004, share, min(1.0, share + 0.004)]
        true = [each[round(rank * (len(each) - 1))] for each in took for rank in near]
        value, slack = milliseconds(told)
        assert 0.99 * min(true) - slack <= value <= 1.01 * max(true) + slack + WAY_MS, (name, told, true)


def check_errors(screen: Screen, log: list[Answered]) -> None:
    statuses = Counter(answer.status for answer in log)
    for kind, those in KINDS.items():
        lately, ever = screen.numbers(rf"{kind} +([\d,]+) +([\d,]+) ")
        assert lately == ever == sum(statuses[each] for each in those), (kind, statuses, screen.text)
    assert screen.numbers(r"✕ ([\d,]+) 429s") == [statuses[429]]


def check_limits(screen: Screen) -> None:
    """Until a server refuses something, what the job says is what its keys may."""
    for name in KEYS:
        assert screen.find(rf"{name} .*?RPM +[\d,]+ of (\S+) .*?TPM +[\d,]+ of (\S+) ") == (f"{RPM:,}", "900k")


def check_lanes(screen: Screen, log: list[Answered]) -> None:
    """What was sent in the last minute is all that was sent so far."""
    for name, secret in KEYS.items():
        sent = [answer for answer in log if answer.key == secret]
        tokens = sum(answer.tokens_in + answer.tokens_out for answer in sent)
        refused = sum(answer.status == 429 for answer in sent)
        block = rf"{name} .*?RPM +([\d,]+) of .*?TPM +([\d,]+) of .*?429s ([\d,]+)"
        assert screen.numbers(block) == [len(sent), tokens, refused], (name, len(sent), tokens, refused, screen.text)


def check_counts(screen: Screen, log: list[Answered]) -> None:
    answered = {subject for answer in log if answer.ok for subject in answer.subjects}
    refused = {subject for answer in log if answer.status == 400 for subject in answer.subjects}
    done, failed, left = screen.numbers(r"([\d,]+) done +([\d,]+) failed.*? ([\d,]+) left")
    assert (done, failed, left) == (len(answered), len(refused), ITEMS - len(answered) - len(refused))


def cost_of(log: list[Answered]) -> float:
    return sum(PRICES["in"] * answer.tokens_in + PRICES["out"] * answer.tokens_out for answer in log) / 1e6


def check_cost(screen: Screen, log: list[Answered]) -> None:
    (told,) = screen.find(r"elapsed .*?\$([\d.,]+)")
    assert agrees(told, cost_of(log), cost_of(log), 0), (told, cost_of(log))


def check_summary(screen: Screen, log: list[Answered]) -> None:
    assert screen.numbers(r"│ +requests +([\d,]+) ") == [len(log)]
    tokens = [sum(answer.tokens_in for answer in log), sum(answer.tokens_out for answer in log)]
    assert screen.numbers(r"tokens +([\d,]+) in, ([\d,]+) out") == tokens


def check_time(screen: Screen, log: list[Answered]) -> None:
    """It runs from its first request to its last answer, a moment around both, and in its pause as much as anybody."""
    begun, ended = min(answer.came for answer in log), max(answer.went for answer in log)
    came = sorted(answer.came for answer in log)
    paused = max(later - earlier for earlier, later in pairwise(came))
    (told,) = screen.find(r"elapsed (\d+) s")
    assert agrees(told, ended - begun - paused, ended - begun + EDGES_S, 0), (told, ended - begun, paused)
    (mean,) = screen.find(r"mean rate +([\d.]+) items/s")
    assert agrees(mean, ITEMS / (float(told) + 0.5), ITEMS / (float(told) - 0.5)), (mean, told)


@pytest.mark.slow
async def test_each_number_on_the_screen_is_what_the_server_wrote_down(shell: Shell, tmp_path: Path) -> None:
    """First all goes well, at a steady pace; then much does not, and the job is paused; then it goes on to its end."""
    with witness(tmp_path / "log.jsonl") as server:
        shell.job(
            server.url,
            rows=ITEMS,
            task=f"{CHAT}\nmax_tokens = 40\nprice_in = {PRICES['in']}\nprice_out = {PRICES['out']}",
            keys=", ".join(f'"{name}"' for name in KEYS),
            settings="batch_size = 1\nconcurrency = 120\nmax_wait = 0\nmax_attempts = 9",
            limits=f"rpm = {RPM}\ntpm = {TPM}",
        )
        shell.start("run", "job.toml", "--no-ui", env=KEYS)
        await asyncio.to_thread(wait_for, shell.db)
        async with screen_of(shell.db, "job") as screen:
            await screen.shows(r"elapsed 1[3-9] s")  # the first answers are older than any of the last ten seconds
            check_limits(screen)
            for _ in range(LOOKS):
                check_rates(screen, server.log(), time.time())
                check_latency(screen, server.log(), time.time())
                await screen.wait(TICK_S)
            os.kill(server.process.pid, signal.SIGUSR1)
            for kind in KINDS:
                await screen.shows(rf"{kind} +\d")
            await screen.press("space")
            await screen.shows(r"‖ paused.*\(0 in flight\)")
            await screen.comes_to(server.log(), check_errors, check_lanes, check_counts, check_cost)
            await screen.press("space")
            await screen.shows(r"✓ finished|■ stopped")
            await screen.comes_to(
                server.log(), check_errors, check_counts, check_cost, check_latency, check_summary, check_time
            )


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)
