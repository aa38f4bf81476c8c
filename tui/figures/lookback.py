"""A cursor along the charts: the moment of the past that it stands at. Pure."""

from typing import Final

from ...engine.snapshot import Snapshot
from .binned import frame
from .series import end_of

STEP: Final = 1 / 60
LEAP: Final = 1 / 6
"""Shares of the time that the charts show."""


def moved(snapshot: Snapshot, at: float | None, share: float) -> float | None:
    """Return the moment that lies a share of the charts' time further, or before where that is negative.

    None stands for now, which is where the charts end; where they begin, the past ends too.
    """
    begin, end = _ends(snapshot)
    place = end if at is None else place_of(snapshot, at)
    place += share * min(frame(snapshot, 1).seconds, max(end - begin, 1.0))
    if place >= end:
        return None
    place = max(begin, place)
    return snapshot.course.at_run(place) if snapshot.course else place


def place_of(snapshot: Snapshot, at: float) -> float:
    """Return where a moment lies on the charts' axis: seconds since the epoch, or that the job had run."""
    return snapshot.course.run_at(at) if snapshot.course else at


def _ends(snapshot: Snapshot) -> tuple[float, float]:
    """Return where on their axis the charts begin and end."""
    if snapshot.course:
        return 0.0, snapshot.course.run_s
    end = end_of(snapshot)
    first = snapshot.samples[0].at if snapshot.samples else end
    return max(first, end - snapshot.window_s), end
