"""HTML and SVG that can't be broken out of: every text is cleaned and escaped, only what is built here is not. Pure."""

from html import escape
from typing import Final

from ...engine.text import clean

_MOST: Final = 10_000
"""No text of a report is longer."""


class Markup(str):
    """A piece of a page that is finished."""

    __slots__ = ()


def element(name: str, *parts: str, **attributes: str | float) -> Markup:
    """Return an element; `class_` is the attribute `class`, and `_` in other attributes is `-`."""
    said = "".join(f' {_named(key)}="{_escaped(_number(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{said}>{together(*parts)}</{name}>")


def together(*parts: str) -> Markup:
    """Return the parts one after another; a part that is no markup is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def _named(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    """Return a text without control characters, escapes of terminals, and meaning for a browser."""
    return escape(clean(text, _MOST))
