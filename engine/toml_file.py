"""A TOML file read strictly: whatever is wrong with it becomes one line that names the file and the dotted key."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import Never, TypeAlias, TypeVar, cast, get_args

import msgspec

from .errors import BatchtopError, SettingError
from .settings import DIALS, Value, allowed, did_you_mean, parse
from .text import clean

Table: TypeAlias = Mapping[str, object]

_T = TypeVar("_T", bound=msgspec.Struct)

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_EXPECTED = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`| (.+?))?(?: - at `\$\.?(.*)`)?$")
_OUTSIDE = re.compile(r"Invalid enum value .* - at `\$\.(\w+)`$")
_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


class TomlFile:
    """One file, its top-level table, and the error its reader raises; with a `text`, what would stand in it."""

    def __init__(self, path: Traversable, error: type[BatchtopError], text: str | None = None) -> None:
        self._path = path
        self._error = error
        self.root: Table = self._parse(self._read() if text is None else text)

    def fail(self, key: str, problem: str) -> Never:
        """Raise the reader's error for one dotted key; an empty one means the whole file."""
        raise self._error(f"{self._path}: {f'{key}: ' if key else ''}{problem}")

    def table(self, name: str, parent: Table | None = None, *, of: str = "") -> Table:
        """Return a table, empty where it is absent."""
        found = (self.root if parent is None else parent).get(name, {})
        if not isinstance(found, dict):
            self.fail(f"{of}{name}", f"expected a table, as in [{of}{name}]")
        return cast("Table", found)

    def text(self, key: str, parent: Table, *, of: str = "") -> str | None:
        """Return a text, None where it is absent."""
        found = parent.get(key)
        if found is not None and not isinstance(found, str):
            self.fail(f"{of}{key}", f"expected a text, found {_word(type(found).__name__)}")
        return found

    def check_keys(self, table: Table, known: Iterable[str], *, of: str = "") -> None:
        """Raise unless every key of `table` is known; `of` is the dotted name before the key, with its dot."""
        known = tuple(known)
        for key in table:
            if key not in known:
                self.fail(f"{of}{key}", f"unknown key{did_you_mean(key, known)}")

    def dial(self, key: str, raw: object, *, of: str) -> Value:
        """Return the value of a dial."""
        try:
            return parse(key, raw)
        except SettingError:
            self.fail(f"{of}{key}", f"{clean(repr(raw), 60)} is not {allowed(DIALS[key])}")

    def build(self, table: Table, kind: type[_T], *, of: str) -> _T:
        """Return `table` as a struct of `kind`."""
        fields = msgspec.structs.fields(kind)
        self.check_keys(table, (*self._tag(kind), *(field.encode_name for field in fields)), of=of)
        for field in fields:
            if field.required and field.encode_name not in table:
                self.fail(f"{of}{field.encode_name}", "is missing")
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            key, problem = _told(str(error))
            known = next((_choices(field.type) for field in fields if field.encode_name == key), ())
            self.fail(
                f"{of}{key}".rstrip("."),
                problem or f"{table[key]!r} is not understood{did_you_mean(str(table[key]), known)}",
            )

    @staticmethod
    def _tag(kind: type[msgspec.Struct]) -> tuple[str, ...]:
        name = kind.__struct_config__.tag_field
        return (name,) if name else ()

    def _read(self) -> str:
        try:
            return self._path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self.fail("", f"can't be read: {error.strerror or error}")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            self.fail(f"line {line}", "is not UTF-8 text")

    def _parse(self, text: str) -> Table:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.fail(*_syntax(str(error), text))
        except RecursionError:
            self.fail("", "is nested too deep")


def _syntax(message: str, text: str) -> tuple[str, str]:
    """Return the place and the problem in words of a syntax error."""
    place = _PLACE.search(message)
    where = f"line {place[1]}, column {place[2]}" if place and place[1] else f"line {text.rstrip().count(chr(10)) + 1}"
    return where, f"not valid TOML: {_PLACE.sub('', message)}"


def _told(message: str) -> tuple[str, str]:
    """Return the key and the problem in words of a validation error, none for a text that is not one of a few."""
    if outside := _OUTSIDE.match(message):
        return outside[1], ""
    parts = _EXPECTED.match(message)
    if parts is None:
        return "", message
    wanted, found, bound, key = parts.groups()
    if bound == "of length >= 1":
        return key or "", "must not be empty"
    problem = f"expected {_word(wanted)}"
    return key or "", f"{problem}, found {_word(found)}" if found else f"{problem} {bound or ''}".rstrip()


def _choices(kind: object) -> tuple[str, ...]:
    """Return the texts among the values that a type names one by one."""
    parts: tuple[object, ...] = get_args(kind)
    return tuple(text for part in parts for text in ((part,) if isinstance(part, str) else _choices(part)))


def _word(kinds: str) -> str:
    return " or ".join(_WORDS.get(kind, f"a {kind}") for kind in kinds.split(" | ") if kind != "null") or "nothing"
