"""The search for the item that spoils a call: nothing is lost, the bad ones fail alone, and few calls are made."""

import math
from collections import Counter, deque

import pytest
from batchtop.engine.item import Item
from batchtop.engine.search import Part, Search
from hypothesis import given
from hypothesis import strategies as st


def part_of(count: int) -> Part:
    return tuple(Item(row, str(row), {}, b"") for row in range(count))


class Server:
    """Refuses parts that hold a bad item, or are too large for it; drops some for reasons of its own."""

    def __init__(self, bad: set[int], most: int = 1_000_000, dropped: frozenset[int] = frozenset()) -> None:
        self.bad = bad
        self.most = most
        self.dropped = dropped
        self.calls = 0
        self.ended: Counter[int] = Counter()
        self.failed: set[int] = set()

    def work(self, search: Search, first: Part) -> None:
        queue = deque([first])
        while queue:
            part = queue.popleft()
            self.calls += 1
            queue.extend(self._answer(search, part))

    def _answer(self, search: Search, part: Part) -> list[Part]:
        if self.calls in self.dropped:
            return [*search.dropped(part), part]
        rows = {item.row for item in part}
        if len(part) > self.most or rows & self.bad:
            if len(part) == 1:
                self.failed |= rows
                self.ended.update(rows)
            return search.spoiled(part)
        self.ended.update(rows)
        return search.answered(part)


@pytest.mark.parametrize("bad", [0, 1, 777, 1023, 1024, 2046, 2047])
def test_one_bad_item_among_2048_fails_alone_after_13_calls_more(bad: int) -> None:
    server = Server({bad})
    server.work(Search(), part_of(2048))
    assert server.failed == {bad}
    assert server.calls - 1 <= 13


@given(count=st.integers(2, 300), bad=st.sets(st.integers(0, 299), max_size=8), drops=st.frozensets(st.integers(1, 40)))
def test_whatever_is_bad_and_whatever_is_dropped_every_item_ends_once(
    count: int, bad: set[int], drops: frozenset[int]
) -> None:
    server = Server(bad, dropped=drops)
    server.work(Search(), part_of(count))
    assert server.ended == Counter(range(count))
    assert server.failed == {row for row in bad if row < count}
    if not drops and len(server.failed) == 1:
        assert server.calls - 1 <= math.ceil(math.log2(count)) + 2


@pytest.mark.parametrize("most", [1, 7, 96, 1000])
def test_a_part_too_large_for_the_server_goes_in_pieces_that_fit(most: int) -> None:
    server = Server(set(), most=most)
    server.work(Search(), part_of(2048))
    assert server.ended == Counter(range(2048))
    assert not server.failed
    assert server.calls <= 2 * 2048 / most + 2 * math.log2(2048)
