"""The gates before a batch: how many, how soon after another, and for how much money."""

from dataclasses import replace

from batchtop.engine.admission import Budget, Chunks, Hold, Slots
from batchtop.engine.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

TWO = Settings(concurrency=2, delay=1.5)


def slots(*, in_flight: int = 0, ended: tuple[float, ...] = ()) -> Slots:
    made = Slots()
    for _ in range(in_flight + len(ended)):
        made.begin()
    for at in ended:
        made.end(at)
    return made


class TestSlots:
    def test_no_more_batches_than_concurrency_are_in_flight(self):
        assert slots(in_flight=1).hold(0.0, TWO) is None
        assert slots(in_flight=2).hold(0.0, TWO) == Hold("concurrency")

    def test_raising_concurrency_frees_a_slot_and_lowering_it_waits_for_running_ones(self):
        busy = slots(in_flight=3)
        assert busy.hold(0.0, replace(TWO, concurrency=4)) is None
        assert busy.hold(0.0, TWO) == Hold("concurrency")
        busy.end(0.0)
        assert busy.hold(9.0, TWO) == Hold("concurrency")

    def test_a_slot_rests_after_its_own_batch_while_the_others_go_on(self):
        resting = slots(ended=(10.0,))
        assert resting.hold(10.0, TWO) is None, "the second slot never worked"
        resting.begin()
        assert resting.hold(10.1, TWO) == Hold("delay", 11.5)
        assert resting.hold(11.5, TWO) is None

    def test_the_slot_that_ended_first_is_free_first(self):
        assert slots(ended=(10.0, 10.4)).hold(10.5, TWO) == Hold("delay", 11.5)

    def test_with_fewer_slots_the_latest_end_counts(self):
        assert slots(ended=(10.0, 10.4)).hold(10.5, replace(TWO, concurrency=1)) == Hold("delay", 11.9)

    def test_a_new_delay_holds_for_slots_that_rest_already(self):
        resting = slots(ended=(10.0, 10.0))
        assert resting.hold(10.2, replace(TWO, delay=30)) == Hold("delay", 40.0)
        assert resting.hold(10.2, replace(TWO, delay=0.1)) is None

    @given(
        concurrency=st.integers(1, 4),
        delay=st.floats(0, 3),
        spans=st.lists(st.floats(0.01, 5), min_size=1, max_size=40),
    )
    def test_batch_by_batch_each_slot_rests_as_long_as_it_should_and_no_longer(self, concurrency, delay, spans):
        settings = Settings(concurrency=concurrency, delay=delay)
        gate, now, starts, ends = Slots(), 0.0, [], []
        running: list[float] = []
        for span in spans:
            while hold := gate.hold(now, settings):
                now = min(running) if hold.until is None else min([hold.until, *running])
                for end in sorted(each for each in running if each <= now):
                    running.remove(end)
                    ends.append(end)
                    gate.end(end)
            gate.begin()
            starts.append(now)
            running.append(now + span)
        ends = sorted([*ends, *running])
        for number, start in enumerate(starts):
            free = 0.0 if number < concurrency else ends[number - concurrency] + delay
            assert start == max(free, starts[number - 1] if number else 0.0)


class TestChunks:
    SETTINGS = Settings(chunk_batches=2, chunk_pause=3.0)

    def test_a_chunk_is_followed_by_a_pause_that_begins_with_its_last_answer(self):
        chunks = Chunks()
        chunks.begin()
        assert chunks.hold(0.0, self.SETTINGS) is None
        chunks.begin()
        assert chunks.hold(0.0, self.SETTINGS) == Hold("chunk")
        chunks.end(1.0)
        assert chunks.hold(1.0, self.SETTINGS) == Hold("chunk"), "the second is still in flight"
        chunks.end(2.0)
        assert chunks.hold(4.9, self.SETTINGS) == Hold("chunk", 5.0)
        assert chunks.hold(5.0, self.SETTINGS) is None
        chunks.begin()
        assert chunks.hold(5.0, self.SETTINGS) is None, "a new chunk counts from its start"

    def test_without_chunks_there_is_no_pause(self):
        chunks = Chunks()
        for _ in range(5):
            chunks.begin()
        assert chunks.hold(0.0, Settings()) is None


class TestBudget:
    def test_what_is_in_flight_counts_at_its_worst(self):
        budget = Budget(0.40)
        assert budget.reserve(0.30, limit=1.0)
        assert not budget.reserve(0.31, limit=1.0)
        budget.settle(0.30, 0.01)
        assert budget.reserve(0.31, limit=1.0)

    def test_it_is_exhausted_until_something_ends_or_the_limit_moves(self):
        budget = Budget(0.9)
        assert budget.reserve(0.05, limit=1.0)
        assert not budget.reserve(0.2, limit=1.0)
        assert budget.exhausted(1.0)
        assert not budget.exhausted(2.0)
        budget.settle(0.05, 0.01)
        assert not budget.exhausted(1.0)

    def test_zero_is_no_limit(self):
        budget = Budget(1e6)
        assert budget.reserve(1e6, limit=0)
        assert not budget.exhausted(0)

    @given(
        limit=st.integers(1, 300),
        moves=st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1), st.booleans()), max_size=60),
    )
    def test_the_limit_is_kept_whatever_the_requests_turn_out_to_cost(self, limit, moves):
        budget, at_stake = Budget(0.0), []
        for at_most, share, end_one in moves:
            if budget.reserve(at_most, limit):
                at_stake.append((at_most, at_most * share))
            if end_one and at_stake:
                budget.settle(*at_stake.pop(0))
            assert budget.spent + sum(most for most, _ in at_stake) <= limit * (1 + 1e-9)
