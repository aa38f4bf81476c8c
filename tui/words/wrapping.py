"""A long text in rows of so many cells, made only as far as somebody looks. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from rich.cells import get_character_cell_size

from .line import Line, Span, Tone, crop, text_of


class Rows:
    """The rows of some lines; a row that goes on with a line stands as far in as the line does.

    A place in the text is told by the characters before it, the ends of lines among them: it stays when the width
    changes.
    """

    def __init__(self, lines: Sequence[Line], cells: int) -> None:
        self._cells = max(cells, 2)
        self._made: list[Line] = []
        self._places: list[int] = []
        """Where each row begins."""
        self._rest = self._wrapped(lines)

    def shown(self, first: int, most: int) -> list[Line]:
        """Return the rows from `first` on, at most so many."""
        self._make(first + most)
        return self._made[first : first + most]

    def furthest(self, first: int, room: int) -> int:
        """Return `first`, or the last row that can stand on top while the room is full."""
        self._make(first + room)
        return max(0, min(first, len(self._made) - room))

    def has(self, rows: int) -> bool:
        """Return whether there are so many rows."""
        return self._make(rows)

    def place_of(self, row: int) -> int:
        """Return where a row begins."""
        return self._places[row] if self._make(row + 1) else 0

    def row_at(self, place: int) -> int:
        """Return the row that a place is in."""
        while (not self._places or self._places[-1] <= place) and self._make(len(self._made) + 1):
            pass
        return max(0, bisect_right(self._places, place) - 1)

    def _make(self, rows: int) -> bool:
        """Wrap on until there are so many rows; return whether there are."""
        for place, row in islice(self._rest, max(0, rows - len(self._made))):
            self._places.append(place)
            self._made.append(row)
        return len(self._made) >= rows

    def _wrapped(self, lines: Iterable[Line]) -> Iterator[tuple[int, Line]]:
        passed = 0
        for line in lines:
            for place, row in wrapped(line, self._cells):
                yield passed + place, row
            passed += length(line)


def length(line: Line) -> int:
    """Return how many characters a line has, its end among them."""
    return sum(len(text) for text, _ in line) + 1


def wrapped(line: Line, cells: int) -> Iterator[tuple[int, Line]]:
    """Yield a line in rows, each with its first character; cut at a space where that leaves no row half empty."""
    text = line[0][0] if len(line) == 1 else text_of(line)
    indent = min(len(text) - len(text.lstrip(" ")), cells // 2)
    start, room = 0, cells
    while (end := start + _fitting(text, start, room)) < len(text):
        space = text.rfind(" ", start + room // 2, end + 1)
        cut = end if space < 0 else space
        yield start, _row(line, start, cut, indent if start else 0)
        start, room = cut + (space >= 0), cells - indent
    yield start, _row(line, start, end, indent) if start else line


def in_rows(text: str, tone: Tone, cells: int, most: int) -> list[Line]:
    """Return a text in so many rows at most, with an ellipsis where they are too few."""
    rows = [row for _, row in islice(wrapped(((text, tone),), max(cells, 2)), most + 1)]
    return rows if len(rows) <= most else [*rows[: most - 1], crop((*rows[most - 1], *rows[most]), cells)][:most]


def _fitting(text: str, start: int, cells: int) -> int:
    """Return how many characters from `start` on have room; one at least, and what has no width stays with its own."""
    if text[start : start + cells + 1].isascii():
        return min(cells, len(text) - start)
    used = 0
    for number in range(start, len(text)):
        used += get_character_cell_size(text[number])
        if used > cells:
            return max(1, number - start)
    return len(text) - start


def _row(line: Line, start: int, end: int, indent: int) -> Line:
    """Return a piece of a line, further in."""
    spans: list[Span] = [(" " * indent, "")] if indent else []
    passed = 0
    for text, tone in line:
        if piece := text[max(0, start - passed) : max(0, end - passed)]:
            spans.append((piece, tone))
        passed += len(text)
    return tuple(spans)
