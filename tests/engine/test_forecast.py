"""What a run will come to: every interval holds its likely value, and nothing comes to nothing."""

from dataclasses import replace
from hashlib import blake2b

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.engine.item import Item
from batchtop.engine.limits.estimate import Average
from batchtop.engine.limits.saved import SavedLane
from batchtop.engine.plan.draw import Draw
from batchtop.engine.plan.forecast import (
    Interval,
    Rendered,
    Work,
    affordable,
    cost,
    fitness,
    render,
    tokens_in,
    tokens_out,
    work,
)
from batchtop.engine.plan.timing import Limit, answer_s, duration, limits
from batchtop.engine.settings import Settings
from batchtop.engine.tasks import build_task
from hypothesis import given
from hypothesis import strategies as st

from .workshop import chat, embeddings

NO_LIMITS = {axis: Limit() for axis in ("rpm", "tpm", "tpm_in", "tpm_out", "rpd")}

amounts = st.floats(0, 1e9)
intervals = st.tuples(amounts, amounts, amounts).map(lambda each: Interval(*sorted(each)))
works = st.builds(
    Work,
    items=st.integers(1, 10**7),
    requests=st.integers(1, 10**7),
    batches=st.integers(1, 10**6),
    most_tokens_in=st.integers(0, 10**10),
    most_tokens_out=st.integers(0, 10**10),
    error=st.floats(0, 2),
)
averages = st.builds(Average, st.integers(0, 200), st.floats(0, 10), st.floats(0, 100))
lanes = st.builds(
    lambda prompts, rpm, paced: saved(prompts=prompts, rpm=rpm, paced=paced),
    averages,
    st.integers(0, 10_000),
    st.floats(0, 10_000),
)


def saved(*, prompts: Average | None = None, rpm: int = 0, paced: float = 0.0) -> SavedLane:
    return SavedLane(
        limits={"rpm": rpm} if rpm else {},
        free_at={},
        minute=[],
        day=[],
        prompts=prompts or Average(),
        answers=Average(),
        paced_rpm=paced,
    )


def in_order(number: Interval) -> bool:
    return 0 <= number.low <= number.likely <= number.high


def items(*said: str) -> list[Item]:
    return [Item(0, "", {"text": text}) for text in said]


class TestTokensAndCost:
    @given(todo=works, known=st.lists(lanes, max_size=3), counted=st.booleans())
    def test_tokens_in_are_in_order(self, todo: Work, known: list[SavedLane], *, counted: bool):
        found, source = tokens_in(todo, known, counted=counted)
        assert in_order(found)
        assert (source == "counted") == counted

    @given(todo=works, each=st.none() | st.floats(0, 1e6), own=st.booleans(), limited=st.booleans())
    def test_tokens_out_are_in_order_and_within_what_the_job_allows(
        self, todo: Work, each, *, own: bool, limited: bool
    ):
        found, source = tokens_out(todo, each, own=own, limited=limited)
        assert in_order(found)
        assert found.high <= todo.most_tokens_out or not limited
        assert (source == "none") == (todo.most_tokens_out == 0)

    @given(intervals, intervals, st.integers(0, 10**7), st.floats(0, 1e6))
    def test_cost_and_what_a_budget_pays_for_are_in_order(
        self, came: Interval, went: Interval, count: int, left: float
    ):
        price = cost(chat(price_in=0.5, price_out=2.0), came, went)
        assert price is not None
        assert in_order(price)
        pays = affordable(count, price, left)
        assert in_order(pays)
        assert pays.high <= count
        assert pays.low == count or price.high > left

    @pytest.mark.parametrize("task", [chat(), chat(price_in=1.0), embeddings()])
    def test_without_prices_there_is_no_cost(self, task):
        assert cost(task, Interval(1, 2, 3), Interval()) is None

    def test_nothing_costs_nothing(self):
        nothing = work(0, Rendered(), Settings())
        came_in, _ = tokens_in(nothing, [], counted=False)
        went_out, _ = tokens_out(nothing, 100, own=True, limited=True)
        assert came_in == went_out == Interval()
        assert cost(chat(price_in=1.0, price_out=1.0), came_in, went_out) == Interval()
        assert duration(nothing, Settings(), NO_LIMITS, (came_in, went_out), None).seconds == Interval()

    def test_bills_set_the_guess_right(self):
        todo = Work(100, 100, 10, most_tokens_in=1_000)
        assert tokens_in(todo, [], counted=False) == (Interval(600, 1_000, 1_500), "guess")
        found, source = tokens_in(todo, [saved(prompts=Average(200, 0.7, 0.0))], counted=False)
        assert (found.likely, source) == (pytest.approx(700), "learned")
        assert tokens_in(todo, [saved(prompts=Average(3, 0.7, 0.0))], counted=False)[1] == "guess"

    @pytest.mark.parametrize(
        ("left", "pays"), [(30, (10, 10, 10)), (20, (6, 10, 10)), (10, (3, 5, 10)), (5, (1, 2, 5)), (0, (0, 0, 0))]
    )
    def test_a_budget_pays_for_so_many_items(self, left: float, pays: tuple[int, int, int]):
        assert affordable(10, Interval(10, 20, 30), left) == Interval(*pays)


class TestRendering:
    def test_packed_and_batched_requests_are_counted_as_a_run_makes_them(self):
        some = items(*map(str, range(23)))
        packed = render(build_task(chat(prompt="{text}"), None), some, Settings(batch_size=10, items_per_request=4))
        assert (packed.items, packed.requests) == (23, 3 + 3 + 1)
        vectors = render(build_task(embeddings(), None), some, Settings(batch_size=10))
        assert (vectors.items, vectors.requests, vectors.tokens_out) == (23, 3, 0)

    def test_a_sample_stands_for_all_with_an_error_that_shrinks_with_its_size(self):
        task = build_task(chat(prompt="{text}"), None)
        some = [render(task, items(*["a" * 40, "b" * 400] * half), Settings()) for half in (50, 500)]
        small, large = (work(100_000, each, Settings()) for each in some)
        assert small.requests == large.requests == 100_000
        assert small.most_tokens_in == pytest.approx(large.most_tokens_in, rel=0.01)
        assert small.error == pytest.approx(large.error * 10**0.5, rel=0.05)
        assert work(100, some[0], Settings()).error == 0

    @given(st.dictionaries(st.sampled_from(["text", "kind", "x"]), st.sampled_from(["", "a", None, 3])))
    @pytest.mark.parametrize(
        "task", [chat(prompt="{text}", system="{kind}"), embeddings(), embeddings(text="{x}-{text}")]
    )
    def test_what_cant_become_a_request_is_what_the_task_leaves_out(self, task, fields):
        plan = build_task(task, None).plan([Item(0, "", fields)])
        assert fitness(task)(fields) == bool(plan.calls) == (not plan.unfit)


class TestDraw:
    @given(st.lists(st.binary(min_size=16, max_size=16), max_size=300), st.integers(1, 50))
    def test_each_question_is_kept_once_and_all_while_they_are_few(self, digests: list[bytes], most: int):
        draw = Draw(most)
        for digest in digests:
            draw.offer(digest, digest)
        kept = list(draw)
        assert len(draw) == len(kept) <= most
        assert set(kept) <= set(digests)
        assert len(set(kept)) == len(kept)
        if len(set(digests)) <= most:
            assert draw.whole
            assert set(kept) == set(digests)

    def test_long_questions_are_kept_in_smaller_number(self):
        draw = Draw(most_bytes=10_000)
        for number in range(1_000):
            draw.offer(blake2b(b"%d" % number, digest_size=16).digest(), bytes(1_000))
        assert 20 < len(draw) <= 100
        assert not draw.whole


class TestTime:
    @given(works, intervals, intervals, st.none() | intervals, st.integers(0, 10**4))
    def test_it_is_in_order_and_no_limit_is_broken(self, todo: Work, came, went, batch, rpm: int):
        allowed = {**NO_LIMITS, "rpm": Limit(rpm), "tpm": Limit(90_000)}
        found = duration(todo, Settings(), allowed, (came, went), batch)
        assert in_order(found.seconds)
        assert 1 <= len(found.limiting) <= 2
        assert found.seconds.low * rpm / 60 >= todo.requests * 0.999 or not rpm

    @pytest.mark.parametrize(
        ("changed", "allowed", "likely_s", "limiting"),
        [
            ({}, {}, 25, "concurrency"),
            ({"concurrency": 10}, {}, 10, "concurrency"),
            ({"delay": 1.0}, {}, 25 + 24, "concurrency"),
            ({"chunk_batches": 2}, {}, 50, "concurrency"),
            ({"chunk_batches": 50, "chunk_pause": 7.0}, {}, 25 + 7, "concurrency"),
            ({}, {"rpm": 600}, 100, "rpm"),
            ({}, {"tpm": 30_000}, 30, "tpm"),
            ({}, {"tpm_out": 2_000}, 150, "tpm_out"),
            ({}, {"rpd": 400}, 2 * 86_400, "rpd"),
        ],
    )
    def test_the_slowest_limit_decides(self, changed, allowed, likely_s: float, limiting: str):
        todo = Work(items=1_000, requests=1_000, batches=100)
        of = {**NO_LIMITS, **{axis: Limit(value) for axis, value in allowed.items()}}
        tokens = (Interval(10_000, 10_000, 10_000), Interval(5_000, 5_000, 5_000))
        found = duration(todo, replace(Settings(), **changed), of, tokens, Interval(1, 1, 1))
        assert found.seconds.likely == pytest.approx(likely_s)
        assert found.limiting == (limiting,)

    def test_what_is_unknown_is_assumed_and_said(self):
        todo = Work(items=100, requests=100, batches=100)
        found = duration(todo, Settings(), {**NO_LIMITS, "rpm": Limit(100)}, (Interval(), Interval()), None)
        assert found.assumed
        assert (found.seconds.low, found.seconds.high) == (60, 250)
        assert found.limiting == ("rpm", "concurrency")

    def test_a_batch_takes_as_long_as_its_slowest_request(self):
        latency = Histogram()
        for ms in range(100, 1_100):
            latency.record(ms)
        one, ten = answer_s(latency, 1), answer_s(latency, 10)
        assert one is not None
        assert ten is not None
        assert in_order(one)
        assert in_order(ten)
        assert one.likely == pytest.approx(0.69, rel=0.05)
        assert ten.likely == pytest.approx(1.03, rel=0.05)
        assert answer_s(Histogram(), 1) is None

    @pytest.mark.parametrize(
        ("known", "rpm"),
        [
            ([None], Limit(500, "settings")),
            ([None, None], Limit(1000, "settings")),
            ([saved(rpm=200)], Limit(200, "server")),
            ([saved(rpm=900)], Limit(500, "settings")),
            ([saved(rpm=400, paced=90.5)], Limit(90.5, "learned")),
        ],
    )
    def test_each_key_keeps_to_the_strictest_limit(self, known, rpm: Limit):
        assert limits(Settings(rpm=500), known)["rpm"] == rpm
        assert limits(Settings(rpm=500), known)["tpm"] == Limit()
