"""Latency, errors and limits in three lines, where there is no room for their panels."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ...engine.text import clean
from ..figures.series import is_live, mean_rate
from ..words import format as say
from ..words.line import Line, join, line
from .errors import error_line
from .lanes import lane_line
from .latency import latencies
from .view import View

LABEL = 12


class Numbers(View):
    """The three lines; once the job has ended, how it went instead of its limits."""

    DEFAULT_CSS = "Numbers { height: 3; padding: 0 1; }"

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return one line each."""
        cells = room.width - LABEL
        last = (
            _labelled("limits", lane_line(snapshot, cells))
            if is_live(snapshot)
            else _labelled("summary", _outcome(snapshot))
        )
        return (
            _labelled("latency", latencies(snapshot, cells)),
            _labelled("errors", error_line(snapshot, cells)),
            last,
        )


def _labelled(label: str, rest: Line) -> Line:
    return (*line((label.ljust(LABEL), "dim")), *rest)


def _outcome(snapshot: Snapshot) -> Line:
    mean = line((say.rate(mean_rate(snapshot.job)), "strong"), " items/s mean")
    output = clean(snapshot.job.output)
    return join((mean, line(say.money(snapshot.job.cost)), line(("output ", "dim"), output) if output else ()), "   ")
