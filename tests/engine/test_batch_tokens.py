"""Batches cut by tokens as well as by count: complex items make smaller ones, and nothing is lost on the way."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from batchtop.engine import Engine
from batchtop.engine.batcher import Batcher
from batchtop.engine.item import Item
from batchtop.engine.taskspec import CommandSpec, PythonSpec, TaskSpec
from batchtop.engine.testing import FakeTransport
from batchtop.engine.weight import weigher
from hypothesis import given
from hypothesis import strategies as st

from .workshop import chat, embeddings, job_of, write_rows

Weights = st.lists(st.integers(0, 40), max_size=40)


def weight(item: Item) -> int:
    found = item.fields["tokens"]
    assert isinstance(found, int)
    return found


def items(weights: Sequence[int], rule: int = 0) -> list[Item]:
    return [Item(row, str(row), {"tokens": tokens}, rule=rule) for row, tokens in enumerate(weights)]


def batches(batcher: Batcher, size: int, tokens: int, now: float = 0.0, rule: int = 0) -> Iterator[tuple[Item, ...]]:
    while batch := batcher.take(now, size, 1.0, tokens=tokens, rule=rule):
        yield batch


class TestCuts:
    @given(weights=Weights, retried=Weights, size=st.integers(1, 12), tokens=st.integers(0, 60))
    def test_no_item_is_lost_or_moved_and_none_but_a_lone_one_is_over_the_budget(self, weights, retried, size, tokens):
        batcher = Batcher(weight)
        again, new = items(retried), [Item(1000 + each.row, each.key, each.fields) for each in items(weights)]
        for item in again:
            batcher.again(item, 0.0)
        batcher.add(new, 0.0)
        batcher.close()
        found = list(batches(batcher, size, tokens))
        assert [item for batch in found for item in batch] == [*again, *new]
        assert batcher.exhausted
        for batch in found:
            assert len(batch) <= size
            assert not tokens or len(batch) == 1 or sum(map(weight, batch)) <= tokens
        for batch, following in pairwise(found):
            room = not tokens or sum(map(weight, (*batch, following[0]))) <= tokens
            assert len(batch) == size or not room, "as much as there is room for"

    def test_a_batch_that_is_full_by_its_tokens_goes_at_once_and_what_is_left_waits(self):
        batcher = Batcher(weight)
        batcher.add(items([30, 30, 30]), 0.0)
        assert batcher.ready_at(0.0, 10, 5.0) == 5.0, "by their count they would wait for more"
        assert batcher.ready_at(0.0, 10, 5.0, tokens=70) == 0.0
        assert [item.row for item in batcher.take(0.0, 10, 5.0, tokens=70)] == [0, 1]
        assert batcher.ready_at(0.0, 10, 5.0, tokens=70) == 5.0

    def test_a_retry_that_is_not_due_takes_no_room(self):
        batcher = Batcher(weight)
        batcher.again(items([50])[0], 9.0)
        batcher.add(items([30, 30]), 0.0)
        assert batcher.ready_at(0.0, 10, 5.0, tokens=70) == 5.0
        assert len(batcher.take(5.0, 10, 5.0, tokens=70)) == 2

    @given(weights=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40))), size=st.integers(1, 5))
    def test_items_of_one_rule_share_no_batch_with_those_of_another(self, weights, size):
        batcher = Batcher(weight)
        batcher.add([Item(n, str(n), {"tokens": w}, rule=rule) for n, (rule, w) in enumerate(weights)], 0.0)
        batcher.close()
        found = [batch for rule in batcher.rules for batch in batches(batcher, size, 50, rule=rule)]
        assert sorted(item.row for batch in found for item in batch) == list(range(len(weights)))
        assert all(len({item.rule for item in batch}) == 1 for batch in found)

    def test_the_rule_whose_last_batch_is_longest_ago_comes_first(self):
        batcher = Batcher()
        batcher.add([*items([1] * 4), *items([1] * 4, rule=2)], 0.0)
        assert batcher.rules == (0, 2)
        batcher.take(0.0, 2, 1.0)
        assert batcher.rules == (2, 0)
        batcher.take(0.0, 2, 1.0, rule=2)
        assert batcher.rules == (0, 2)


TEXT = "x" * 400


@pytest.mark.parametrize(
    ("task", "fields", "tokens"),
    [
        (chat(prompt="Say: {text}"), {"text": TEXT}, 101),
        (chat(prompt="{text}{text}"), {"text": TEXT}, 200),
        (chat(prompt="{text}", system="y" * 4_000), {"text": TEXT}, 100),
        (chat(prompt="{text}"), {"text": "é" * 100}, 50),
        (chat(prompt="{text}"), {"text": [1, 2, 3]}, 1),
        (chat(prompt="{text}"), {"other": TEXT}, 0),
        (embeddings(), {"text": TEXT, "other": TEXT}, 100),
        (PythonSpec("m:f", takes="batch"), {"a": TEXT, "b": TEXT}, 200),
        (PythonSpec("m:f", takes="batch", fields=("a",)), {"a": TEXT, "b": TEXT}, 100),
        (CommandSpec(("cat",), takes="batch"), {"a": TEXT}, 100),
    ],
)
def test_an_item_weighs_what_it_adds_to_a_request(task: TaskSpec, fields: dict[str, object], tokens: int):
    assert weigher(task)(Item(1, "1", fields)) == tokens


async def test_a_running_job_cuts_its_requests_by_tokens(tmp_path):
    lengths = [40, 40, 4000, 400, 400, 400, 8, 8, 8, 8]
    write_rows(tmp_path / "in.jsonl", ({"id": n, "text": "x" * length + str(n)} for n, length in enumerate(lengths)))
    provider = FakeTransport()
    job = job_of(tmp_path / "in.jsonl", embeddings(), batch_size=100, batch_tokens=220, concurrency=1)
    async with Engine(tmp_path / "w.db", transport=lambda: provider) as engine:
        assert (await engine.run(job)).exit_code == 0
    assert [[len(text) - 1 for text in asked.texts] for asked in provider.asked] == [
        [40, 40],
        [4000],
        [400, 400],
        [400, 8, 8, 8, 8],
    ]
