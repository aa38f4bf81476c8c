"""What would be sent for a row of the sample: the texts, with its fields put in. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from ...engine.tasks.template import UnfitError, compile_template
from ...engine.text import clean
from ..words.line import Line, line
from .draft import Draft

_MOST_LETTERS: Final = 20_000
_MOST_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    role: str
    text: str
    problem: str = ""
    """Why it can't be sent; its text is then as typed."""


def preview(draft: Draft, row: Mapping[str, object]) -> tuple[Said, ...]:
    """Return what is sent for a row."""
    return tuple(_said(role, text, row) for role, text in draft.texts)


def _said(role: str, text: str, row: Mapping[str, object]) -> Said:
    try:
        return Said(role, compile_template(text).render(row))
    except (ValueError, UnfitError) as error:
        return Said(role, text, clean(str(error), 300))


def preview_lines(said: tuple[Said, ...], cells: int) -> list[Line]:
    """Return messages as they fit into so many cells, each line end of theirs kept."""
    lines: list[Line] = []
    for each in said:
        tone = "error" if each.problem else "strong"
        lines.append(line((each.role, tone), (f"  ✕ {each.problem}" if each.problem else "", "error")))
        lines += [line("  ", text) for text in _wrapped(each.text, max(20, cells - 2))]
    return lines


def _wrapped(text: str, cells: int) -> Iterator[str]:
    lines = text[:_MOST_LETTERS].splitlines()[:_MOST_LINES]
    for each in lines:
        yield from wrap(clean(each, _MOST_LETTERS), cells) or [""]
    if len(text) > _MOST_LETTERS:
        yield "…"
