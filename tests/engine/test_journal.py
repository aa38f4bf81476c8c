"""What a job's log says of a server that does not answer."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from batchtop.engine.journal import Journal
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


HUNG = "no answer for 45 s: 2 batches wait for the server"


@pytest.mark.parametrize(
    ("silent_s", "told"),
    [
        (range(120), [HUNG]),
        ([*range(60), 0.5], [HUNG, "answers come again, after 59 s without one"]),
        ([0.0] * 100 + [100.5, 0.5], []),
        ([0.0] * 10 + [float(100 + second) for second in range(50)], ["no answer for 45 s: 2 batches wait"]),
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
