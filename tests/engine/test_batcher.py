"""What goes next: whole batches, retries first, nobody longer than they must, nothing lost and nothing twice."""

from collections import Counter

import pytest
from batchtop.engine.batcher import Batcher
from batchtop.engine.item import Item
from batchtop.engine.search import halves
from hypothesis import given
from hypothesis import strategies as st

SIZE, MAX_WAIT = 4, 2.0


def items(*rows: int) -> tuple[Item, ...]:
    return tuple(Item(row, str(row), {}) for row in rows)


def taken(batcher: Batcher, now: float, size: int = SIZE) -> list[int]:
    return [item.row for item in batcher.take(now, size, MAX_WAIT)]


def filled(*rows: int, now: float = 0.0) -> Batcher:
    batcher = Batcher()
    batcher.add(items(*rows), now)
    return batcher


class TestNewItems:
    def test_whole_batches_go_at_once_and_the_rest_waits(self):
        batcher = filled(1, 2, 3, 4, 5)
        assert taken(batcher, 0.0) == [1, 2, 3, 4]
        assert taken(batcher, 0.0) == []
        assert (len(batcher), batcher.fresh) == (1, 1)
        assert taken(filled(1, 2, 3, 4), 0.0) == [1, 2, 3, 4], "one that is just whole too"

    def test_a_part_of_a_batch_goes_when_its_oldest_item_has_waited_long_enough(self):
        batcher = filled(1, now=1.0)
        batcher.add(items(2), 2.5)
        assert batcher.ready_at(2.5, SIZE, MAX_WAIT) == 3.0
        assert taken(batcher, 2.99) == []
        assert taken(batcher, 3.0) == [1, 2]

    def test_the_last_ones_wait_for_nothing(self):
        batcher = filled(1, 2)
        batcher.close()
        assert not batcher.exhausted
        assert taken(batcher, 0.0) == [1, 2]
        assert batcher.exhausted

    def test_a_batch_is_as_large_as_the_setting_is_at_that_moment(self):
        batcher = filled(*range(10))
        assert [len(taken(batcher, 0.0, size)) for size in (1, 5, 2)] == [1, 5, 2]

    def test_only_new_items_can_help_an_empty_batcher(self):
        batcher = Batcher()
        assert batcher.ready_at(0.0, SIZE, MAX_WAIT) is None
        assert not batcher.exhausted, "more may come"


class TestRetries:
    def test_one_that_is_due_goes_before_new_items_and_takes_them_along(self):
        batcher = filled(1, 2, 3, 4)
        batcher.again(items(9)[0], due=5.0)
        assert taken(batcher, 5.0) == [9, 1, 2, 3]

    def test_one_that_is_due_does_not_wait_for_company(self):
        batcher = filled(1, now=5.0)
        batcher.again(items(9)[0], due=5.0)
        assert taken(batcher, 5.0) == [9, 1]

    def test_one_that_is_not_due_lets_others_pass(self):
        batcher = filled(1, 2, 3, 4)
        batcher.again(items(9)[0], due=5.0)
        assert taken(batcher, 4.9) == [1, 2, 3, 4]
        assert batcher.ready_at(4.9, SIZE, MAX_WAIT) == 5.0

    def test_the_first_due_goes_first_and_equals_in_their_order(self):
        batcher = Batcher()
        for row, due in ((1, 3.0), (2, 1.0), (3, 1.0)):
            batcher.again(items(row)[0], due)
        assert taken(batcher, 9.0) == [2, 3, 1]

    def test_the_end_waits_for_them(self):
        batcher = Batcher()
        batcher.close()
        batcher.again(items(9)[0], due=5.0)
        assert not batcher.exhausted


class TestSplitting:
    def test_halves_go_by_themselves_before_everything_else_whatever_the_size_is(self):
        batcher = filled(10, 11, 12, 13)
        batcher.again(items(9)[0], due=0.0)
        batcher.add_parts(halves(items(1, 2, 3, 4, 5)))
        assert len(batcher) == 10
        assert [taken(batcher, 0.0, size=1) for _ in range(4)] == [[1, 2], [3, 4, 5], [9], [10]]

    @pytest.mark.parametrize("count", [2, 3, 7, 16])
    def test_splitting_on_and_on_ends_with_single_items(self, count: int):
        batcher = Batcher()
        batcher.add_parts(halves(items(*range(count))))
        alone: list[int] = []
        while len(batcher):
            part = batcher.take(0.0, SIZE, MAX_WAIT)
            alone += [part[0].row] if len(part) == 1 else []
            if len(part) > 1:
                batcher.add_parts(halves(part))
        assert sorted(alone) == list(range(count))


MOVES = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.floats(0, 5)),
    st.tuples(st.just("take"), st.integers(1, 5)),
)
ENDS = st.sampled_from(["done", "done", "again", "split"])


@given(moves=st.lists(MOVES, max_size=40), data=st.data())
def test_every_item_is_done_once_and_new_ones_go_in_their_order(moves: list[tuple[str, float]], data: st.DataObject):
    batcher, now, added = Batcher(), 0.0, 0
    first_taken: list[int] = []
    done: Counter[int] = Counter()

    def take(size: int) -> None:
        ready = batcher.ready_at(now, size, MAX_WAIT)
        batch = batcher.take(now, size, MAX_WAIT)
        assert bool(batch) == (ready is not None and ready <= now)
        first_taken.extend(item.row for item in batch if item.row not in first_taken)
        end = data.draw(ENDS) if batch else "done"
        if end == "split" and len(batch) > 1:
            batcher.add_parts(halves(batch))
            return
        for item in batch:
            if end == "again":
                batcher.again(item, now + data.draw(st.floats(0, 3)))
            else:
                done[item.row] += 1

    for move, amount in moves:
        if move == "add":
            batcher.add(items(*range(added, added + int(amount))), now)
            added += int(amount)
        elif move == "wait":
            now += amount
        else:
            take(int(amount))
        assert len(batcher) + done.total() == added

    batcher.close()
    while not batcher.exhausted:
        ready = batcher.ready_at(now, SIZE, MAX_WAIT)
        assert ready is not None
        now = max(now, ready)
        take(SIZE)
    assert done == Counter(range(added))
    assert first_taken == list(range(added))
