"""How late the event loop wakes who waits: what it is told of is that something kept it busy for so long."""

from typing import Final

from .clock import Clock

TICK_S: Final = 0.05
_SHORTEST_S: Final = 0.001


class LoopLag:
    """Notes the longest that the loop was late; what holds it for shorter than a tick may go unseen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._worst_s = 0.0

    async def sleep(self, seconds: float) -> None:
        """Wait in short steps, and note how late each of them ends."""
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > _SHORTEST_S:
            due = self._clock.now() + min(left, TICK_S)
            await self._clock.sleep(min(left, TICK_S))
            self._worst_s = max(self._worst_s, self._clock.now() - due)

    def take_ms(self) -> float:
        """Return the longest since the last call."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return round(1000 * worst_s, 2)
