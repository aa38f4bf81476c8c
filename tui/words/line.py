"""Lines of toned text, cut and joined by the cells they take: what every view is made of."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final, Literal, TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size

Tone: TypeAlias = Literal["", "strong", "dim", "ok", "warn", "error", "one", "two", "three", "key", "chosen"]
"""What a text means; themes decide how it looks."""

TONES: Final[tuple[Tone, ...]] = ("strong", "dim", "ok", "warn", "error", "one", "two", "three", "key", "chosen")

Span: TypeAlias = tuple[str, Tone]
Line: TypeAlias = tuple[Span, ...]

BLANK: Final[Line] = ()


def line(*parts: str | Span) -> Line:
    """Return one line of plain and toned texts, empty ones left out."""
    spans: Iterable[Span] = ((part, "") if isinstance(part, str) else part for part in parts)
    return tuple(span for span in spans if span[0])


def width(spans: Iterable[Span]) -> int:
    """Return how many cells the spans take."""
    return sum(cell_len(text) for text, _ in spans)


def text_of(spans: Iterable[Span]) -> str:
    """Return the bare text."""
    return "".join(text for text, _ in spans)


def crop(spans: Sequence[Span], cells: int) -> Line:
    """Return the spans cut to at most `cells`, with an ellipsis where something is missing."""
    if width(spans) <= cells:
        return tuple(spans)
    kept: list[Span] = []
    left = cells - 1
    for text, tone in spans:
        taken = cell_len(text)
        if taken > left:
            kept.append((set_cell_size(text, left).rstrip() + "…", tone))
            break
        kept.append((text, tone))
        left -= taken
    return tuple(kept) if cells > 0 else BLANK


def fit(text: str, cells: int) -> str:
    """Return the text in exactly `cells`, cut with an ellipsis or filled with spaces."""
    return set_cell_size(text_of(crop(((text, ""),), cells)), cells)


def middle(text: str, cells: int) -> str:
    """Return the text in exactly `cells`; cut in the middle, for names that differ at their ends: `rev…/0017.txt`."""
    if cell_len(text) > cells > 2:
        first = set_cell_size(text, (cells - 1) // 3).rstrip()
        last = cells - cell_len(first) - 1
        skipped = next(place for place in range(len(text)) if cell_len(text[place:]) <= last)
        text = f"{first}…{text[skipped:]}"
    return fit(text, cells)


def spread(left: Sequence[Span], right: Sequence[Span], cells: int) -> Line:
    """Return the spans at both ends of a line; the left gives way where there is no room."""
    room = cells - width(right) - (2 if right and left else 0)
    if room < 0:
        return crop(right, cells)
    kept = crop(left, room)
    return (*kept, (" " * (cells - width(kept) - width(right)), ""), *right)


def first_fit(candidates: Sequence[Line], cells: int) -> Line:
    """Return the first line that has room, or the last one cut."""
    return next((each for each in candidates if width(each) <= cells), crop(candidates[-1], cells))


def join(parts: Iterable[Line], gap: str = "  ") -> Line:
    """Return the lines as one, with a gap between each two that hold something."""
    spans: list[Span] = []
    for part in parts:
        if part:
            spans.extend([(gap, ""), *part] if spans else part)
    return tuple(spans)


def paragraph(text: str, cells: int, rows: int) -> list[Line]:
    """Return a text in lines, no more of it than has room; where there are no spaces it is cut by its cells."""
    cells = max(cells, 20)
    parts = wrap(text[: cells * max(rows, 1)], cells, break_on_hyphens=False)  # a minus sign is no hyphen
    return [line(piece) for part in parts for piece in chop_cells(part, cells)]
