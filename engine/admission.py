"""The gates before a batch: each may only hold it back, and says why and until when. Pure."""

from collections import deque

from .hold import Hold
from .settings import Settings


class Slots:
    """Counts batches in flight against `concurrency`; a slot rests for `delay` seconds after each of its batches."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._ended: deque[float] = deque()

    def begin(self) -> None:
        """Count a batch sent."""
        self.in_flight += 1

    def end(self, now: float) -> None:
        """Count a batch answered; its slot begins to rest."""
        self.in_flight -= 1
        self._ended.append(now)

    def hold(self, now: float, settings: Settings) -> Hold | None:
        """Return why no slot is free, or None when one is."""
        while self._ended and self._ended[0] + settings.delay <= now:
            self._ended.popleft()
        if self.in_flight >= settings.concurrency:
            return Hold("concurrency")
        resting = self.in_flight + len(self._ended) - settings.concurrency
        return Hold("delay", self._ended[resting] + settings.delay) if resting >= 0 else None


class Chunks:
    """Lets `chunk_batches` batches go, and the next only `chunk_pause` seconds after the last of them was answered."""

    def __init__(self) -> None:
        self._begun = 0
        self._ended = 0
        self._last_end = 0.0

    def begin(self) -> None:
        """Count a batch sent."""
        self._begun += 1

    def end(self, now: float) -> None:
        """Count a batch answered."""
        self._ended += 1
        self._last_end = now

    def hold(self, now: float, settings: Settings) -> Hold | None:
        """Return how long the pause between two chunks lasts, or None when there is none."""
        if not settings.chunk_batches or self._begun < settings.chunk_batches:
            return None
        if self._ended < self._begun:
            return Hold("chunk")
        until = self._last_end + settings.chunk_pause
        if until > now:
            return Hold("chunk", until)
        self._begun = self._ended = 0
        return None


class Budget:
    """Keeps what is spent, and what is in flight may cost at most, within a limit in USD (0: none)."""

    def __init__(self, spent: float) -> None:
        self.spent = spent
        self._at_stake = 0.0
        self._refused_at: tuple[float, float] | None = None

    def reserve(self, at_most: float, limit: float) -> bool:
        """Set aside what a batch may cost, or return False when the limit has no room for it now."""
        if limit and self.spent + self._at_stake + at_most > limit:
            self._refused_at = (limit, self._at_stake)
            return False
        self._at_stake += at_most
        return True

    def settle(self, at_most: float, cost: float) -> None:
        """Count what a request did cost instead of what it might have."""
        self._at_stake -= at_most
        self.spent += cost

    def exhausted(self, limit: float) -> bool:
        """Return whether the limit had no room for the last batch, and nothing has changed since."""
        return self._refused_at == (limit, self._at_stake)
