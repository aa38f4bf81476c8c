"""A URL as a template: what fields say is percent-encoded, and can't lead anywhere else. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from .template import Template, UnfitError, absent, compile_template, text_of

_Write: TypeAlias = Callable[[str, object], str]


class UrlTemplate:
    """Writes the URL for one item; raises ValueError for a brace without a partner."""

    def __init__(self, text: str) -> None:
        path, mark, query = text.partition("?")
        self._path = compile_template(path)
        self._query = compile_template(mark + query)
        self.fields = self._path.fields + self._query.fields

    def write(self, fields: Mapping[str, object]) -> str:
        """Return the URL; raises UnfitError, with a message for people, where it would be that of something else."""
        path = _written(self._path, fields, _in_path)
        if self._path.fields and not {".", ".."}.isdisjoint(path.split("/")):
            raise UnfitError("its URL would lead elsewhere: a part of the path is '.' or '..'")
        return path + _written(self._query, fields, _in_query)


def _written(template: Template, fields: Mapping[str, object], write: _Write) -> str:
    try:
        return template.pattern % tuple([write(name, fields[name]) for name in template.fields])
    except KeyError as error:
        raise absent(str(error.args[0]), fields) from None


def _in_path(name: str, value: object) -> str:
    if value is None or value == "":
        raise UnfitError(f"field {name!r} is empty, and stands in the path of the URL")
    return quote(text_of(value), safe="")


def _in_query(_name: str, value: object) -> str:
    return "" if value is None else quote(text_of(value), safe="")
