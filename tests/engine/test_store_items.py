"""The input in the workspace: loaded once, compared when it changes, and paged back in its order."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.loading import load
from batchtop.engine.outcome import TRANSIENT, Outcome
from batchtop.engine.store import items
from batchtop.engine.store.items import CHUNK_ROWS, Loaded, Pages
from batchtop.engine.store.writer import Writer

from .workshop import chat, finish, job_of, numbered, registered, rows_of, settled, write_rows

TOTALS = "SELECT total, done, failed, output_seq, output_bytes FROM jobs"


class Desk:
    """One job whose input changes between loads."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        self.writer = writer
        self.input = folder / "rows.jsonl"
        self.spec = job_of(self.input)
        self.job = 0

    async def load(self, *rows: dict[str, object]) -> Loaded | None:
        """Load the input after it was written anew, or as it was."""
        if rows:
            write_rows(self.input, rows)
        self.job = await registered(self.writer, self.spec)
        return await load(self.spec, self.job, self.writer, unwanted=lambda: False)

    async def finish(self, **outcomes: Outcome) -> None:
        """End the items of these keys, `k7=Outcome.OK`."""
        rows = dict(rows_of(self.writer.path, "SELECT key, row FROM items"))
        finish(self.writer, self.job, *(settled(rows[key[1:]], outcome) for key, outcome in outcomes.items()))
        await self.writer.flush()

    def statuses(self) -> dict[str, str]:
        return dict(rows_of(self.writer.path, "SELECT key, status FROM items ORDER BY line"))


@pytest.fixture
def desk(writer: Writer, tmp_path: Path) -> Desk:
    return Desk(writer, tmp_path)


def row(number: int, text: str = "the same") -> dict[str, object]:
    return {"id": number, "text": text}


async def test_a_load_brings_every_row_and_a_second_one_brings_nothing(desk: Desk):
    assert await desk.load(*numbered(CHUNK_ROWS + 5)) == Loaded(CHUNK_ROWS + 5, CHUNK_ROWS + 5)
    assert await desk.load() is None
    assert rows_of(desk.writer.path, TOTALS) == [(CHUNK_ROWS + 5, 0, 0, 0, -1)]
    async with Pages(desk.writer.path, desk.job) as pages:
        loaded = [item for _ in range(3) for item in await pages.next(1000)]
        assert await pages.next(1000) == []
    assert [item.fields for item in loaded] == numbered(CHUNK_ROWS + 5)
    assert [item.key for item in loaded[:2]] == ["0", "1"]


async def test_changed_rows_are_done_again_alone(desk: Desk):
    await desk.load(*(row(number) for number in range(1, 7)))
    await desk.finish(k1=Outcome.OK, k2=Outcome.OK, k3=Outcome.BAD_ITEM, k4=Outcome.BAD_ITEM, k5=Outcome.OK)
    assert await desk.load(row(1), row(2, "new"), row(3), row(4, "new"), row(6), row(7)) == Loaded(6, 4, 2, 1)
    assert desk.statuses() == {
        "1": "done",
        "2": "pending",
        "3": "failed",
        "4": "pending",
        "6": "pending",
        "7": "pending",
        "5": "removed",
    }
    assert rows_of(desk.writer.path, "SELECT item FROM results ORDER BY item") == [(1,), (3,)]
    assert rows_of(desk.writer.path, TOTALS)[0][:3] == (6, 1, 1)


async def test_a_row_that_was_away_is_new_when_it_is_back(desk: Desk):
    await desk.load(row(1), row(2))
    await desk.finish(k1=Outcome.OK, k2=Outcome.OK)
    assert await desk.load(row(1)) == Loaded(1, 0, 0, 1)
    assert await desk.load(row(1), row(2)) == Loaded(2, 1)
    assert desk.statuses() == {"1": "done", "2": "pending"}


async def test_the_order_of_the_rows_changes_nothing(desk: Desk):
    await desk.load(row(1), row(2))
    await desk.finish(k1=Outcome.OK)
    assert await desk.load(row(2), row(1)) == Loaded(2, 1)


@pytest.mark.parametrize(("change", "pending"), [({"prompt": "Other: {text}"}, 2), ({"api_key_env": ("OTHER",)}, 1)])
async def test_what_makes_the_answer_changes_every_row(desk: Desk, change: dict[str, object], pending: int):
    await desk.load(row(1), row(2))
    await desk.finish(k1=Outcome.OK)
    desk.spec = msgspec.structs.replace(desk.spec, task=chat(**change))
    loaded = await desk.load()
    assert (loaded.pending if loaded else 1) == pending


@pytest.mark.parametrize("between", [0, CHUNK_ROWS])
async def test_an_id_used_twice_is_told_with_both_lines(desk: Desk, between: int):
    rows = [row(number) for number in range(between + 2)]
    with pytest.raises(InputError, match=rf"line {between + 3}: the id 1 was used before, on line 2; ids have to"):
        await desk.load(*rows, row(1))
    assert await desk.load(*rows) == Loaded(between + 2, between + 2), "mended, it loads"


async def test_a_load_that_was_broken_off_counts_for_nothing(desk: Desk, tmp_path: Path):
    """Even when the input is then put back as it was."""
    await desk.load(row(1), row(2))
    before = desk.input.rename(tmp_path / "before.jsonl")
    write_rows(desk.input, [row(1, "new"), row(2)])
    calls = iter([False, True])
    assert await load(desk.spec, desk.job, desk.writer, unwanted=lambda: next(calls)) is None
    before.rename(desk.input)
    assert await desk.load() == Loaded(2, 2)
    assert rows_of(desk.writer.path, "SELECT payload ->> 'text' FROM items") == [("the same",), ("the same",)]


async def test_a_load_that_was_broken_off_is_done_again_and_loses_nothing(desk: Desk):
    await desk.load(*(row(number) for number in range(CHUNK_ROWS + 2)))
    await desk.finish(k0=Outcome.OK, k1=Outcome.OK, k2001=Outcome.OK)
    write_rows(desk.input, [row(0, "new"), *(row(number) for number in range(1, CHUNK_ROWS + 2))])
    calls = iter([False, True])
    assert await load(desk.spec, desk.job, desk.writer, unwanted=lambda: next(calls)) is None
    assert await desk.load() == Loaded(CHUNK_ROWS + 2, CHUNK_ROWS, 1, 0)
    assert rows_of(desk.writer.path, TOTALS)[0][:3] == (CHUNK_ROWS + 2, 2, 0)


@pytest.mark.parametrize(("before", "after"), [((9, 700), (0, 0)), ((0, -1), (0, -1))])
async def test_lines_that_are_no_longer_so_have_the_output_written_anew(desk: Desk, before, after):
    """But a file that this job has never written stays somebody else's."""
    await desk.load(row(1), row(2))
    await desk.finish(k1=Outcome.OK)
    await desk.writer.run(lambda db: db.execute("UPDATE jobs SET output_seq = ?, output_bytes = ?", before) and None)
    await desk.load(row(1, "new"), row(2))
    assert rows_of(desk.writer.path, TOTALS)[0][3:] == after


async def test_what_failed_for_a_passing_cause_is_tried_again(desk: Desk):
    await desk.load(*(row(number) for number in range(len(Outcome) + 1)))
    ends = list(Outcome)
    await desk.finish(**{f"k{number}": outcome for number, outcome in enumerate(ends)})
    retried = await desk.writer.run(lambda db: items.retry_transient(db, desk.job))
    assert retried == len(TRANSIENT)
    pending = {str(number) for number, outcome in enumerate(ends) if outcome in TRANSIENT} | {str(len(ends))}
    assert {key for key, status in desk.statuses().items() if status == "pending"} == pending
    assert rows_of(desk.writer.path, TOTALS)[0][:3] == (len(ends) + 1, 1, len(ends) - 1 - len(TRANSIENT))


async def test_pages_hold_what_is_pending_of_their_job_alone(desk: Desk, tmp_path: Path):
    await desk.load(*(row(number) for number in range(6)))
    await desk.finish(k0=Outcome.OK, k3=Outcome.BAD_ITEM)
    other = job_of(write_rows(tmp_path / "other.jsonl", numbered(3)), name="other")
    number = await registered(desk.writer, other)
    await load(other, number, desk.writer, unwanted=lambda: False)
    async with Pages(desk.writer.path, desk.job) as pages:
        first = await pages.next(2)
        await desk.finish(k4=Outcome.OK)
        rest = await pages.next(2)
        assert [item.key for item in first + rest] == ["1", "2", "5"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await pages._db.execute("DELETE FROM items")


async def test_a_missing_input_is_told(desk: Desk, tmp_path: Path):
    with pytest.raises(InputError, match=r"rows\.jsonl: cannot be read \(No such file or directory\)"):
        await desk.load()
