"""What went wrong, by kind: lately and in all."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from .. import format as say
from ..line import Line, Tone, crop, fit, join, line
from ..series import Frame, errors_in, rates, shown, span_shown
from .chart import Curve
from .panel import Panel


def kinds(snapshot: Snapshot) -> list[tuple[str, int, int]]:
    """Return each kind of error in words, its count in the samples shown and in all, the most frequent first."""
    lately, total = errors_in(shown(snapshot)), snapshot.job.errors
    found = [(kind, lately.get(kind, 0), max(total.get(kind, 0), lately.get(kind, 0))) for kind in {*lately, *total}]
    return [(say.words(kind), now, ever) for kind, now, ever in sorted(found, key=lambda each: (-each[2], each[0]))]


def error_line(snapshot: Snapshot, cells: int) -> Line:
    """Return all kinds on one line, with their totals."""
    found = kinds(snapshot)
    if not found and not snapshot.job.cut:
        return line(("none", "dim"))
    each = [line((say.count(ever), _tone(now)), f" {kind}") for kind, now, ever in found]
    return crop(join([cut_short(snapshot), *each], "   "), cells)


def cut_short(snapshot: Snapshot) -> Line:
    """Return how many answers were kept though the token limit cut them short, or nothing where none was."""
    return line((say.count(snapshot.job.cut), "warn"), " cut short") if snapshot.job.cut else ()


def error_table(snapshot: Snapshot, room: Size) -> list[Line]:
    """Return a table of kinds in as many lines; what has no room is summed up in the last."""
    found = kinds(snapshot)
    name, column = (16, 12) if room.width >= 40 else (15, 10)
    title = line((f"{span_shown(snapshot):>{name + column}}{'in all':>{column}}", "dim"))
    cut = line(fit("cut short", name + column), (f"{say.count(snapshot.job.cut):>{column}}", "warn"))
    last = [cut] if snapshot.job.cut else []
    if not found:
        return [title, *(last or [line(("none", "dim"))])]
    return [title, *(_row(name, column, *each) for each in _shown(found, room.height - 1 - len(last))), *last]


def _shown(found: list[tuple[str, int, int]], room: int) -> list[tuple[str, int, int]]:
    shown, rest = (found, []) if len(found) <= room else (found[: room - 1], found[room - 1 :])
    if rest:
        shown = [*shown, (f"{len(rest)} more kinds", sum(now for _, now, _ in rest), sum(ever for *_, ever in rest))]
    return shown


def _row(name: int, column: int, kind: str, now: int, ever: int) -> Line:
    return line(fit(kind, name), (f"{say.count(now):>{column}}", _tone(now)), f"{say.count(ever):>{column}}")


def _tone(now: int) -> Tone:
    return "error" if now else ""


class Errors(Panel):
    """Counts by kind, and errors a minute over time."""

    heading = "Errors"

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the table of kinds."""
        return error_table(snapshot, room)

    def curves(self, snapshot: Snapshot, within: Frame) -> tuple[Curve, ...]:
        """Return errors a minute."""
        return (Curve(rates(shown(snapshot), within, lambda sample: 60 * sum(sample.errors.values())), "error"),)

    def value_name(self, value: float) -> str:
        """Return errors a minute, as `30/min`."""
        return f"{say.short(value)}/min"
