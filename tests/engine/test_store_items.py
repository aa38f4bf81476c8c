"""The input in the workspace: loaded once, compared when it changes, and paged back in its order."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.loading import load
from batchtop.engine.outcome import RETRIED_BY_RERUN, Outcome
from batchtop.engine.redo import PASSING
from batchtop.engine.source import open_source
from batchtop.engine.store import items, loads
from batchtop.engine.store.items import Pages
from batchtop.engine.store.loads import CHUNK_ROWS, Loaded
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.writer import Writer

from .workshop import chat, finish, job_of, numbered, registered, rows_of, settled, write_rows

TOTALS = "SELECT total, done, failed FROM jobs"


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
        rows = {key: facts for key, *facts in rows_of(self.writer.path, "SELECT key, row, digest FROM items")}
        wanted = ((*rows[key[1:]], outcome) for key, outcome in outcomes.items())
        finish(self.writer, self.job, *(settled(row, outcome, digest=digest) for row, digest, outcome in wanted))
        await self.writer.flush()

    def held(self) -> list[int]:
        """The ids that the output holds by right."""
        with Reader(self.writer.path) as reader:
            return [json.loads(line)["id"] for _, line in reader.results.lines(self.job)]

    @property
    def stale(self) -> bool:
        """Whether the output is to be written anew; asked once a change, as a run then does it."""
        ((stale,),) = rows_of(self.writer.path, "SELECT output_stale FROM jobs")
        with closing(sqlite3.connect(self.writer.path)) as db, db:
            db.execute("UPDATE jobs SET output_stale = 0")
        return bool(stale)

    def statuses(self) -> dict[str, str]:
        return dict(rows_of(self.writer.path, "SELECT key, status FROM items ORDER BY line"))


@pytest.fixture
def desk(writer: Writer, tmp_path: Path) -> Desk:
    return Desk(writer, tmp_path)


def row(number: int, text: str = "the same") -> dict[str, object]:
    return {"id": number, "text": text}


async def test_a_load_brings_every_row_and_a_second_one_brings_nothing(desk: Desk):
    assert await desk.load(*numbered(CHUNK_ROWS + 5)) == Loaded(CHUNK_ROWS + 5, CHUNK_ROWS + 5, new=CHUNK_ROWS + 5)
    assert await desk.load() is None
    assert rows_of(desk.writer.path, TOTALS) == [(CHUNK_ROWS + 5, 0, 0)]
    async with Pages(desk.writer.path, desk.job) as pages:
        loaded = [found.item for _ in range(6) for found in await pages.next(1000)]
        assert await pages.next(1000) == []
    assert [item.fields for item in loaded] == numbered(CHUNK_ROWS + 5)
    assert [item.key for item in loaded[:2]] == ["0", "1"]


async def test_changed_rows_are_done_again_alone(desk: Desk):
    await desk.load(*(row(number) for number in range(1, 7)))
    await desk.finish(k1=Outcome.OK, k2=Outcome.OK, k3=Outcome.BAD_ITEM, k4=Outcome.BAD_ITEM, k5=Outcome.OK)
    assert await desk.load(row(1), row(2, "new"), row(3), row(4, "new"), row(6), row(7)) == Loaded(6, 4, 2, 1, 1)
    assert desk.statuses() == {
        "1": "done",
        "2": "pending",
        "3": "failed",
        "4": "pending",
        "6": "pending",
        "7": "pending",
        "5": "removed",
    }
    assert desk.held() == [1]
    assert rows_of(desk.writer.path, "SELECT item FROM results WHERE outcome <> 'ok'") == [(3,)]
    assert rows_of(desk.writer.path, TOTALS) == [(6, 1, 1)]


async def test_a_row_that_was_away_is_done_when_it_is_back_and_tried_again_when_it_had_failed(desk: Desk):
    await desk.load(row(1), row(2), row(3), row(4))
    await desk.finish(k1=Outcome.OK, k2=Outcome.OK, k3=Outcome.BAD_ITEM)
    assert await desk.load(row(1)) == Loaded(1, 0, 0, 3)
    assert desk.held() == [1]
    assert await desk.load(row(1), row(2), row(3), row(4)) == Loaded(4, 2, new=3)
    assert desk.statuses() == {"1": "done", "2": "done", "3": "pending", "4": "pending"}
    assert desk.held() == [1, 2]
    assert rows_of(desk.writer.path, TOTALS) == [(4, 2, 0)]


async def test_what_was_answered_before_is_not_asked_again_when_it_is_as_it_was(desk: Desk):
    """Each content an item ever had keeps its answer, and the output holds that of the content it has."""
    first, second = desk.spec, msgspec.structs.replace(desk.spec, task=chat(prompt="Other: {text}"))
    await desk.load(row(1), row(2), row(3))
    await desk.finish(k1=Outcome.OK, k2=Outcome.OK)
    desk.spec = second
    assert await desk.load() == Loaded(3, 3, 2)
    assert desk.held() == []
    await desk.finish(k1=Outcome.OK, k3=Outcome.OK)
    desk.spec = first
    assert await desk.load() == Loaded(3, 1, 2)
    assert desk.held() == [1, 2]
    await desk.finish(k3=Outcome.OVERLOADED)
    assert await desk.writer.run(lambda db: items.redo(db, desk.job, PASSING, 0.0)) == [3]
    desk.spec = second
    assert await desk.load() == Loaded(3, 1, 2), "the answer of row 3 outlived its failure under the other prompt"
    assert desk.held() == [1, 3]
    assert rows_of(desk.writer.path, TOTALS) == [(3, 2, 0)]


async def test_the_output_is_written_anew_when_what_it_should_hold_has_changed(desk: Desk):
    rows = [row(1), row(2), row(3), row(4)]
    await desk.load(*rows[:3])
    await desk.finish(k1=Outcome.OK, k2=Outcome.BAD_ITEM)
    assert not desk.stale
    for changed, stale in (
        ([row(1), row(2, "new"), row(3, "new"), row(4)], False),  # nothing it holds
        ([row(4), row(1)], False),
        ([row(1, "new"), row(4)], True),
        ([row(1, "newer"), row(4)], False),
        ([row(1), row(4)], True),
        ([row(4)], True),
        ([row(2)], False),
        ([row(1), row(2)], True),
    ):
        await desk.load(*changed)
        assert desk.stale is stale, changed
    await desk.finish(k2=Outcome.OK)
    for changed in ([row(1)], [row(2)]):  # as many as before, but others
        await desk.load(*changed)
        assert desk.stale


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
    assert await desk.load(*rows) == Loaded(between + 2, between + 2, new=between + 2), "mended, it loads"


async def test_large_rows_come_in_a_few_at_a_time(desk: Desk, monkeypatch):
    monkeypatch.setattr(loads, "CHUNK_BYTES", 100)
    await desk.load(*(row(number, "x" * 60) for number in range(5)))
    rows = open_source(desk.spec.input)
    sizes = [len(loads.next_rows(rows)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]
    assert len(desk.statuses()) == 5


async def test_large_items_are_read_a_few_at_a_time(desk: Desk, monkeypatch):
    monkeypatch.setattr(items, "PAGE_BYTES", 10_000)
    monkeypatch.setattr(items, "FIRST_ROWS", 2)
    await desk.load(*(row(number, "x" * (1_000 if number < 30 else 10)) for number in range(200)))
    async with Pages(desk.writer.path, desk.job) as pages:
        sizes = [len(page) for _ in range(8) if (page := await pages.next(100))]
    assert sum(sizes) == 200
    assert sizes[:5] == [2, 9, 9, 9, 9], "as many as are that large"
    assert max(sizes) > 50


async def test_a_page_is_no_larger_for_large_items_that_follow_small_ones(desk: Desk, monkeypatch):
    """SQLite holds no text of 1 GB, and pages of that size would be the end of the job."""
    monkeypatch.setattr(items, "PAGE_BYTES", 10_000)
    await desk.load(*(row(number, "x" * (10 if number < 150 else 5_000)) for number in range(170)))
    async with Pages(desk.writer.path, desk.job) as pages:
        sizes = [len(page) for _ in range(20) if (page := await pages.next(100))]
        again = await pages.these(range(141, 171))
        assert not await pages.these([9_999])
    assert sum(sizes) == 170
    assert max(sizes[2:]) == 2, "the second ends what it begins with, and is then full"
    assert [found.item.row for found in again] == list(range(141, 171)), "all of them, of whatever size"


async def test_a_page_comes_in_parts_and_is_whole(desk: Desk, monkeypatch):
    """The loop does something else between two of them."""
    monkeypatch.setattr(items, "PART_ROWS", 7)
    parts: list[int] = []
    read = items.Pages._found

    async def noting(pages: Pages, *which: Any) -> list[items.Found]:
        found = await read(pages, *which)
        parts.append(len(found))
        return found

    monkeypatch.setattr(items.Pages, "_found", noting)
    await desk.load(*(row(number) for number in range(40)))
    async with Pages(desk.writer.path, desk.job) as pages:
        found = [await pages.next(30) for _ in range(3)]
    assert [len(page) for page in found] == [30, 10, 0]
    assert [each.item.row for page in found for each in page] == list(range(1, 41))
    assert parts == [7, 7, 7, 7, 2, 7, 3, 0]


async def test_an_answer_is_found_at_once_however_many_equal_items_have_it(desk: Desk):
    count = 2_000
    await desk.load(*(row(number) for number in range(count)))
    await desk.finish(**{f"k{number}": Outcome.OK for number in range(100, count)})
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    async with Pages(desk.writer.path, desk.job) as pages:
        await pages._db.set_progress_handler(step, 1_000)
        found = await pages.next(100)
    assert [each.known is not None for each in found] == [True] * 100
    assert steps < 100, f"some {steps * 10} instructions an item"


async def test_a_copy_is_as_old_as_the_answer_that_it_is_of(desk: Desk):
    """Else a job that is to be done afresh would take over what was answered before."""
    await desk.load(row(1), row(2))
    await desk.finish(k1=Outcome.OK)
    ((at,),) = rows_of(desk.writer.path, "SELECT at FROM results")
    async with Pages(desk.writer.path, desk.job) as pages:
        (found,) = await pages.next(10)
    assert found.known
    assert found.known.at == at


async def test_a_load_that_was_broken_off_counts_for_nothing(desk: Desk, tmp_path: Path):
    """Even when the input is then put back as it was."""
    await desk.load(row(1), row(2))
    before = desk.input.rename(tmp_path / "before.jsonl")
    write_rows(desk.input, [row(1, "new"), row(2)])
    calls = iter([False, True])
    assert await load(desk.spec, desk.job, desk.writer, unwanted=lambda: next(calls)) is None
    before.rename(desk.input)
    assert await desk.load() == Loaded(2, 2)
    assert rows_of(desk.writer.path, "SELECT payload ->> 'text' FROM payloads") == [("the same",), ("the same",)]


async def test_a_load_that_was_broken_off_is_done_again_and_loses_nothing(desk: Desk):
    await desk.load(*(row(number) for number in range(CHUNK_ROWS + 2)))
    await desk.finish(k0=Outcome.OK, k1=Outcome.OK, k2001=Outcome.OK)
    write_rows(desk.input, [row(0, "new"), *(row(number) for number in range(1, CHUNK_ROWS + 2))])
    calls = iter([False, True])
    assert await load(desk.spec, desk.job, desk.writer, unwanted=lambda: next(calls)) is None
    assert await desk.load() == Loaded(CHUNK_ROWS + 2, CHUNK_ROWS, 1, 0)
    assert rows_of(desk.writer.path, TOTALS) == [(CHUNK_ROWS + 2, 2, 0)]


async def test_what_failed_for_a_passing_cause_is_tried_again(desk: Desk):
    await desk.load(*(row(number) for number in range(len(Outcome) + 1)))
    ends = list(Outcome)
    await desk.finish(**{f"k{number}": outcome for number, outcome in enumerate(ends)})
    retried = await desk.writer.run(lambda db: items.redo(db, desk.job, PASSING, 0.0))
    assert len(retried) == len(RETRIED_BY_RERUN)
    pending = {str(number) for number, outcome in enumerate(ends) if outcome in RETRIED_BY_RERUN} | {str(len(ends))}
    assert {key for key, status in desk.statuses().items() if status == "pending"} == pending
    assert rows_of(desk.writer.path, TOTALS) == [(len(ends) + 1, 1, len(ends) - 1 - len(RETRIED_BY_RERUN))]


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
        assert [found.item.key for found in first + rest] == ["1", "2", "5"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await pages._db.execute("DELETE FROM items")


async def test_a_missing_input_is_told(desk: Desk, tmp_path: Path):
    with pytest.raises(InputError, match=r"rows\.jsonl: No such file or directory"):
        await desk.load()


async def test_what_a_first_load_left_unfinished_goes_by_and_by(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loads, "DISCARD_ROWS", 2)
    write_rows(desk.input, numbered(5))
    desk.job = await registered(desk.writer, desk.spec)
    calls = iter([False, True])
    assert await load(desk.spec, desk.job, desk.writer, unwanted=lambda: next(calls)) is None
    assert rows_of(desk.writer.path, "SELECT count(*) FROM items") == [(5,)]
    assert await desk.load(row(1), row(2)) == Loaded(2, 2, new=2)
    assert await desk.writer.run(lambda db: loads.discard_chunk(db, desk.job)) == 0, "what is loaded stays"
    assert rows_of(desk.writer.path, "SELECT key FROM items ORDER BY row") == [("1",), ("2",)]
