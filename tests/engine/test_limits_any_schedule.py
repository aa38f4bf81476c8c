"""Whatever a server answers and whatever the limits become: never too much, never stuck."""

from collections import deque
from collections.abc import Mapping

from batchtop.engine.limits import Grant, Lane, Limits
from batchtop.engine.limits.day import DAY_S
from batchtop.engine.outcome import Outcome, Usage
from hypothesis import given, settings
from hypothesis import strategies as st


class StepClock:
    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return 1_760_000_000.0 + self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


kinds = st.sampled_from(["requests", "tokens", "input-tokens", "requests-day"])
waits = st.sampled_from(["0", "17ms", "1.5", "23s", "6m0s", "2h"])
named = st.one_of(
    st.tuples(kinds.map("x-ratelimit-limit-{}".format), st.integers(60, 500).map(str)),
    st.tuples(kinds.map("x-ratelimit-remaining-{}".format), st.integers(0, 50).map(str)),
    st.tuples(kinds.map("x-ratelimit-reset-{}".format), waits),
    st.tuples(st.just("retry-after"), waits),
)
headers = st.lists(named, max_size=5).map(dict)
outcomes = st.sampled_from([Outcome.OK] * 6 + [Outcome.RATE_LIMITED, Outcome.BAD_ITEM, Outcome.CANCELLED])
answers = st.tuples(outcomes, headers, st.integers(0, 60))
limits = st.builds(Limits, rpm=st.integers(1, 60), tpm=st.just(0) | st.integers(100, 5000))
steps = st.lists(st.tuples(st.floats(0, 40), answers), min_size=1, max_size=60)


class Run:
    """One lane, driven by hand; `sent` has the moments of all requests."""

    def __init__(self) -> None:
        self.clock = StepClock()
        self.lane = Lane("lane", self.clock)
        self.busy: deque[Grant] = deque()
        self.sent: list[float] = []

    def send_all(self) -> None:
        while len(self.busy) < 30 and (hold := self.lane.hold()) is None:
            try:
                self.lane.admit(Usage(20, 40)).send(None)
            except StopIteration as granted:
                self.busy.append(granted.value)
            self.sent.append(self.clock.at)
        if not self.busy:
            assert hold is not None
            assert hold.until is not None, "nothing is under way that could end this hold"
            assert hold.until <= self.clock.at + 2 * DAY_S

    def answer(self, outcome: Outcome, headers: Mapping[str, str], used: int) -> None:
        if self.busy:
            usage = Usage(20, used) if outcome is Outcome.OK else None
            self.lane.settle(self.busy.popleft(), outcome, headers=headers, used=usage)


@given(limits, steps)
@settings(deadline=None)
def test_no_minute_holds_more_than_the_limit(
    limits: Limits, steps: list[tuple[float, tuple[Outcome, dict[str, str], int]]]
) -> None:
    run = Run()
    run.lane.configure(limits)
    for gap, answer in steps:
        run.send_all()
        run.clock.at += gap
        run.answer(*answer)
    for first, at in enumerate(run.sent):
        assert sum(other < at + 60 - 1e-6 for other in run.sent[first:]) <= limits.rpm


@given(st.lists(limits, min_size=1, max_size=5), steps)
@settings(deadline=None)
def test_it_always_goes_on(
    changes: list[Limits], steps: list[tuple[float, tuple[Outcome, dict[str, str], int]]]
) -> None:
    run = Run()
    for number, (gap, answer) in enumerate(steps):
        run.lane.configure(changes[number % len(changes)], owner=str(number % 2))
        run.send_all()
        run.clock.at += gap
        run.answer(*answer)
    for owner in ("0", "1"):
        run.lane.forget(owner)
    while run.busy:
        run.answer(Outcome.OK, {}, 0)
    run.clock.at += DAY_S + 600
    before = len(run.sent)
    run.send_all()
    assert len(run.sent) > before
