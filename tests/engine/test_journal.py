"""What a job's log says of a server that does not answer, and of where the job and its lanes stand."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from batchtop.engine.journal import Journal
from batchtop.engine.snapshot import JobState, LaneState
from batchtop.engine.store import record
from batchtop.engine.store.writer import Writer

from .workshop import job_of, registered, rows_of


class SteppedClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return 1_760_000_000.0 + self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


HUNG = "no answer for 45 s, batches in flight: 2"


@pytest.mark.parametrize(
    ("silent_s", "told"),
    [
        (range(120), [HUNG]),
        ([*range(60), 0.5], [HUNG, "answers come again, after 59 s without one"]),
        ([0.0] * 100 + [100.5, 0.5], []),
        ([0.0] * 10 + [float(100 + second) for second in range(50)], ["no answer for 45 s, batches in"]),
        ([0.4] * 200, []),
    ],
    ids=["hangs", "answers again", "asked after a pause", "hangs after a pause", "answers all the time"],
)
async def test_a_silence_is_told_once_and_a_pause_before_a_request_is_none(
    writer: Writer, tmp_path: Path, silent_s: Iterable[float], told: list[str]
):
    clock = SteppedClock()
    job = await registered(writer, job_of(tmp_path / "rows.jsonl"))
    journal = Journal(record.Log(writer, job), clock)
    for second, each in enumerate(silent_s):
        clock.at = float(second)
        journal.silence(each, 2)
    await writer.flush()
    found = [message for (message,) in rows_of(writer.path, "SELECT message FROM events ORDER BY id")]
    assert len(found) == len(told), found
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True)), found


async def test_a_state_and_its_reason_are_told_without_a_word_said_twice(writer: Writer, tmp_path: Path):
    job = await registered(writer, job_of(tmp_path / "rows.jsonl"))
    journal = Journal(record.Log(writer, job), SteppedClock())
    journal.state(JobState.PAUSED, "paused by you", None)
    journal.state(JobState.PAUSED, "no key is left", None)
    journal.state(JobState.RUNNING, "", None)
    journal.lanes(0.0, [LaneState("a", "refused", "refused by the server"), LaneState("b", "broken", "5 timeouts")])
    journal.dropped(1)
    await writer.flush()
    assert [message for (message,) in rows_of(writer.path, "SELECT message FROM events ORDER BY id")] == [
        "paused by you",
        "paused: no key is left",
        "running",
        "a is refused by the server",
        "b is broken: 5 timeouts",
        "1 item at the server may have been billed",
    ]
