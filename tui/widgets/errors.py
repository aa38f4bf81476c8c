"""What went wrong, by kind: lately and in all."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from .. import format as say
from ..line import Line, Tone, crop, fit, join, line
from ..series import Frame, errors_in, rates, span_shown
from .chart import Curve
from .panel import Panel


def kinds(snapshot: Snapshot) -> list[tuple[str, int, int]]:
    """Return each kind of error in words, its count in the samples shown and in all, the most frequent first."""
    lately, total = errors_in(snapshot.samples), snapshot.job.errors
    found = [(kind, lately.get(kind, 0), max(total.get(kind, 0), lately.get(kind, 0))) for kind in {*lately, *total}]
    return [(say.words(kind), now, ever) for kind, now, ever in sorted(found, key=lambda each: (-each[2], each[0]))]


def error_line(snapshot: Snapshot, cells: int) -> Line:
    """Return all kinds on one line, with their totals."""
    found = kinds(snapshot)
    if not found:
        return line(("none", "dim"))
    each = (line((say.count(ever), _tone(now)), f" {kind}") for kind, now, ever in found)
    return crop(join(each, "   "), cells)


def error_table(snapshot: Snapshot, rows: int) -> list[Line]:
    """Return a table of kinds in `rows` lines; what has no room is summed up in the last."""
    found = kinds(snapshot)
    title = line((f"{'':16}{span_shown(snapshot):>12}{'in all':>12}", "dim"))
    if not found:
        return [title, line(("none", "dim"))]
    room = rows - 1
    shown, rest = (found, []) if len(found) <= room else (found[: room - 1], found[room - 1 :])
    if rest:
        shown = [*shown, (f"{len(rest)} more kinds", sum(now for _, now, _ in rest), sum(ever for *_, ever in rest))]
    return [title, *(_row(*each) for each in shown)]


def _row(kind: str, now: int, ever: int) -> Line:
    return line(fit(kind, 16), (f"{say.count(now):>12}", _tone(now)), f"{say.count(ever):>12}")


def _tone(now: int) -> Tone:
    return "error" if now else ""


class Errors(Panel):
    """Counts by kind, and errors a minute over time."""

    heading = "Errors"

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the table of kinds."""
        return error_table(snapshot, room.height)

    def curves(self, snapshot: Snapshot, within: Frame) -> tuple[Curve, ...]:
        """Return errors a minute."""
        return (Curve(rates(snapshot.samples, within, lambda sample: 60 * sum(sample.errors.values())), "error"),)

    def value_name(self, value: float) -> str:
        """Return errors a minute, as `30/min`."""
        return f"{say.short(value)}/min"
