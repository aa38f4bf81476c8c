"""Prompt templates: `{field}` stands for a field of the item, `{{` and `}}` for braces, and nothing else is special."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ..answer import Answer
from ..item import Item
from ..outcome import Outcome
from ..text import clean

_T = TypeVar("_T")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


class UnfitError(Exception):
    """An item that can't become a request; its text says why."""


def absent(field: str, values: Iterable[str]) -> UnfitError:
    """Return the error of an item without a field; it names those that it has."""
    return UnfitError(f"no field {field!r} in this item: it has {', '.join(values) or 'none'}")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for fields."""

    pattern: str
    """Its text, with %s where a field goes."""
    fields: tuple[str, ...]
    """The field of each place, in order."""

    def render(self, values: Mapping[str, object]) -> str:
        """Return the text for one item; raises UnfitError with a message for people."""
        try:
            return self.pattern % tuple([text_of(values[name]) for name in self.fields])
        except KeyError as error:
            raise absent(str(error.args[0]), values) from None


def compile_template(text: str) -> Template:
    """Return the template that `text` spells; raises ValueError with the position of a brace that has no partner."""
    pieces: list[str] = []
    fields: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        pieces.append(text[end : token.start()].replace("%", "%%"))
        end = token.end()
        if token[1] is not None:
            fields.append(token[1])
        elif len(token[0]) == 1:
            raise ValueError(_told(token[0], token.start(), text))
        pieces.append("%s" if token[1] else token[0][0])
    return Template("".join(pieces) + text[end:].replace("%", "%%"), tuple(fields))


def render_each(
    items: Iterable[Item], render: Callable[[Item], _T]
) -> tuple[list[tuple[Item, _T]], tuple[tuple[Item, Answer], ...]]:
    """Return each item with what it becomes, and the unfit ones with an answer that says why."""
    fit: list[tuple[Item, _T]] = []
    unfit: list[tuple[Item, Answer]] = []
    for item in items:
        try:
            fit.append((item, render(item)))
        except UnfitError as error:
            unfit.append((item, Answer(Outcome.BAD_ITEM, message=clean(str(error)))))
    return fit, tuple(unfit)


def _told(brace: str, start: int, text: str) -> str:
    place = f"{brace!r} at character {start + 1}, near {text[max(0, start - 10) : start + 10]!r},"
    if text[start : start + 2] == "{}":
        return f"{place} names no field"
    return f"{place} has no partner: write {{field}}, or {brace * 2} for a brace"


def text_of(value: object) -> str:
    """Return a value as it stands in a text: as it is, or as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
