"""Where the time went: how long each slot of a job was in flight, or what it waited for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .hold import Hold

IN_FLIGHT: Final = "in_flight"
"""What a slot spends its time on while its requests are at the server; else the reason of a Hold."""

_MEANS: Final = {"ending": "source", "closed": "breaker"}
"""A slot that nothing is left for waits for the source, one whose lane is closed for the breaker."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How the slots of a job stand."""

    slots: int = 0
    """As many as `concurrency` says, 0 while the job is paused."""
    busy: int = 0
    """Slots whose batch is not answered in full; more than `slots` for a while after those were lowered."""
    gate: Hold | None = None
    """What keeps the free slots free."""
    waiting: float = 0.0
    """Share of the busy slots' calls that are not sent yet, 0 to 1."""
    lane: Hold | None = None
    """What those wait for."""


class SlotTime:
    """Adds up slot-seconds by what they were spent on, from one change of the slots' occupancy to the next."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._since = 0.0
        self._now = Occupancy()

    def change(self, now: float, occupancy: Occupancy) -> None:
        """Count the time since the last change, and keep how the slots stand from now on."""
        elapsed_s = now - self._since
        before, self._since, self._now = self._now, now, occupancy
        if before.busy:
            waited = before.busy * before.waiting * elapsed_s
            self._add(before.lane, waited)
            self._spent[IN_FLIGHT] = self._spent.get(IN_FLIGHT, 0.0) + before.busy * elapsed_s - waited
        if before.slots > before.busy:
            self._add(before.gate, (before.slots - before.busy) * elapsed_s)

    def take(self, now: float) -> dict[str, float]:
        """Return the slot-seconds since the last call, and begin anew."""
        self.change(now, self._now)
        spent, self._spent = self._spent, {}
        return {what: seconds for what, seconds in spent.items() if seconds > 0}

    def _add(self, hold: Hold | None, seconds: float) -> None:
        if hold is not None:
            what = _MEANS.get(hold.reason, hold.reason)
            self._spent[what] = self._spent.get(what, 0.0) + seconds


def shares(spent: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return what the slot-seconds were spent on with its share (0 to 1), the largest first."""
    total = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda each: (-each[1], each[0]))
    return [(what, seconds / total) for what, seconds in ranked] if total > 0 else []


def limiting(spent: Mapping[str, float]) -> str:
    """Return the one thing that limits the job most, or nothing where no time was spent.

    Slots that are in flight for most of the time mean that only more slots, or a faster server, would help.
    """
    ranked = shares(spent)
    return ranked[0][0] if ranked else ""
