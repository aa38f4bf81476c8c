"""What went wrong, by kind: lately and in all, and over time one kind above the other."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..figures.binned import Frame, rates, span_shown
from ..figures.series import shown
from ..words import format as say
from ..words.errorkinds import Kind, kinds, most_frequent
from ..words.glyphs import Charset
from ..words.line import Line, Span, Tone, crop, fit, join, line
from .panel import Panel
from .stack import LAYERS, Stack, swatch


def error_line(snapshot: Snapshot, cells: int) -> Line:
    """Return all kinds on one line, with their totals."""
    found = kinds(snapshot)
    if not found and not snapshot.job.cut:
        return line(("none", "dim"))
    each = [line((say.count(kind.ever), _tone(kind.now)), f" {kind.name}") for kind in found]
    return crop(join([cut_short(snapshot), *each], "   "), cells)


def cut_short(snapshot: Snapshot) -> Line:
    """Return how many answers were kept though the token limit cut them short, or nothing where none was."""
    return line((say.count(snapshot.job.cut), "warn"), " cut short") if snapshot.job.cut else ()


def in_table(snapshot: Snapshot, height: int) -> list[Kind]:
    """Return the kinds that stand in a table of so many lines, and in the stack."""
    return most_frequent(kinds(snapshot), min(LAYERS, max(1, height - 1 - bool(snapshot.job.cut))))


def error_table(snapshot: Snapshot, room: Size, charset: Charset = "braille") -> list[Line]:
    """Return a table of kinds in as many lines, each with its texture in the stack."""
    name, column = (16, 12) if room.width >= 40 else (15, 10)
    title = line((f"{span_shown(snapshot):>{name + column}}{'in all':>{column}}", "dim"))
    cut = line(fit("  cut short", name + column), (f"{say.count(snapshot.job.cut):>{column}}", "warn"))
    last = [cut] if snapshot.job.cut else []
    found = in_table(snapshot, room.height)
    if not found:
        return [title, *(last or [line(("none", "dim"))])]
    return [title, *(_row(swatch(i, charset), name, column, kind) for i, kind in enumerate(found)), *last]


def _row(mark: Span, name: int, column: int, kind: Kind) -> Line:
    numbers = line((f"{say.count(kind.now):>{column}}", _tone(kind.now)), f"{say.count(kind.ever):>{column}}")
    return (*line(mark, " ", fit(kind.name, name - 2)), *numbers)


def _tone(now: int) -> Tone:
    return "error" if now else ""


class Errors(Panel):
    """Counts by kind, and errors a minute over time."""

    heading = "Errors"

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the table of kinds."""
        return error_table(snapshot, room, self.numbers.charset)

    def body(self, snapshot: Snapshot, within: Frame) -> Stack:
        """Return errors a minute, the most frequent kind at the bottom; with no error at all, the line of none."""
        found = in_table(snapshot, self.numbers.size.height) or [Kind(frozenset(), "", 0, 0)]
        return Stack(rates(shown(snapshot), within, *(kind.per_minute for kind in found)))

    def value_name(self, value: float) -> str:
        """Return errors a minute, as `30/min`."""
        return f"{say.short(value)}/min"
