"""One job at a moment of its past: the cursor along the charts that every number follows."""

from typing import Literal

from textual.message import Message

from ...engine.snapshot import Snapshot
from ..figures.lookback import LEAP, STEP, moved
from ..messages import SnapshotRead
from ..words import format as say
from .asking import AskingScreen

_LONG_AGO_S = 72_000.0


class PastScreen(AskingScreen, inherit_bindings=False):
    """The screen of one job, as far as it tells of another moment than now."""

    past: float | None = None
    """The moment asked for, seconds since the epoch; None is now."""
    _then: Snapshot | None = None
    _then_for: float | None = None

    def read(self) -> Message:
        """Return the job as it stands, and as it stood where the cursor is; called on the source's thread."""
        source, past = self.board.source, self.past
        snapshot = source.snapshot(self.job, self.board.range.seconds)
        if past != self._then_for:
            self._then, self._then_for = None if past is None else source.moment(self.job, past), past
        return SnapshotRead(snapshot, self._then)

    def past_told(self, then: Snapshot | None) -> str:
        """Return which moment the numbers are of, or nothing where that is now."""
        if then is None or then.moment is None:
            return ""
        ago_s = self.board.now() - then.moment
        return f"◀ {say.clock(then.moment) if ago_s < _LONG_AGO_S else say.moment(then.moment)}"

    def action_past(self, direction: Literal[-1, 1]) -> None:
        """Look at a moment a little before or after."""
        self._move(direction * STEP)

    def action_leap(self, direction: Literal[-1, 1]) -> None:
        """Look at a moment long before or after."""
        self._move(direction * LEAP)

    def _move(self, share: float) -> None:
        if self.snapshot is None:
            return
        if not self.snapshot.samples:
            self.controls.say("nothing was sent yet that could be looked back at", "dim")
        elif self.past is None and share > 0:
            self.controls.say("this is now; , goes back", "dim")
        else:
            self.past = moved(self.snapshot, self.past, share)
            self.poll.ask_anew()

    def look_at_now(self) -> None:
        """Leave the past."""
        self.past = None
        self.poll.ask_anew()
