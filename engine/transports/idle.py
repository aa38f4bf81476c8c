"""The connections of the HTTP client that wait for the next request."""

import asyncio
from collections import deque
from typing import TypeAlias

from .bounds import KEEP_ALIVE_S
from .wire import Wire

Where: TypeAlias = tuple[str, str]
"""The scheme of a server, and its host and port."""


class Idle:
    """A connection that has been idle for too long is closed, also where nobody asks for it again."""

    def __init__(self) -> None:
        self._wires: dict[Where, deque[Wire]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def count(self, where: Where) -> int:
        """Return how many lead to a server."""
        return sum(wire.usable for wire in self._wires.get(where, ()))

    def put(self, where: Where, wire: Wire) -> None:
        """Keep a connection for the next request."""
        self._wires.setdefault(where, deque()).append(wire)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._sweep)

    def take(self, where: Where) -> Wire | None:
        """Return the one used last, if there is one; those idle for too long are closed."""
        if wires := self._wires.get(where):
            self._close_old(wires)
            while wires:
                wire = wires.pop()
                if wire.usable:
                    return wire
        return None

    def close(self) -> None:
        """Keep no more; who holds the connections closes them."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._wires.clear()

    def _close_old(self, wires: deque[Wire]) -> None:
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while wires and wires[0].idle_since < oldest:
            wires.popleft().abort()

    def _sweep(self) -> None:
        """Close those that are too old, and forget servers to which nothing is open."""
        for where, wires in list(self._wires.items()):
            self._close_old(wires)
            if not any(wire.usable for wire in wires):
                del self._wires[where]
        self._sweeping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._sweep) if self._wires else None
