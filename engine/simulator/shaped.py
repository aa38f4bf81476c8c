"""Values that keep a JSON schema: what the simulated provider answers where one is asked for."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from .answers import opinion

_DEEPEST: Final = 8
"""From here on only what a schema requires is made, so that one that holds itself comes to an end."""
_MOST_DEEP: Final = 40
_FORMATS: Final = {"date": "2026-01-31", "time": "12:00:00Z", "date-time": "2026-01-31T12:00:00Z"}


_Any: TypeAlias = "_Node | bool"


class _Node(Struct, rename="camel"):
    """A schema, or a part of one: as much of it as is understood here."""

    type: str | list[str] | None = None
    const: Any = UNSET
    enum: list[Any] | UnsetType = UNSET
    properties: dict[str, "_Node | bool"] = field(default_factory=dict[str, "_Node | bool"])
    required: list[str] = field(default_factory=list[str])
    items: "_Node | bool" = True
    min_items: int | None = None
    max_items: int = 1
    min_length: int = 0
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    format: str = ""
    any_of: list["_Node | bool"] = field(default_factory=list["_Node | bool"])
    one_of: list["_Node | bool"] = field(default_factory=list["_Node | bool"])
    all_of: list["_Node | bool"] = field(default_factory=list["_Node | bool"])
    ref: str = field(name="$ref", default="")
    defs: dict[str, "_Node | bool"] = field(name="$defs", default_factory=dict[str, "_Node | bool"])
    definitions: dict[str, "_Node | bool"] = field(default_factory=dict[str, "_Node | bool"])

    def kind(self) -> str:
        if isinstance(self.type, list):
            return next((each for each in self.type if each != "null"), "null")
        return self.type or ("object" if self.properties else "string")


def shaped(schema: Mapping[str, object], text: str, *, seed: int) -> object:
    """Return a value about a text that keeps a schema, as far as simple ones go: always the same for the same text."""
    try:
        root = msgspec.convert(schema, _Node)
    except msgspec.ValidationError:
        root = _Node()
    return _Shape(root, text, seed).value(root, "$", 0)


class _Shape:
    def __init__(self, root: _Node, text: str, seed: int) -> None:
        self._named = {f"#/$defs/{name}": each for name, each in root.defs.items()}
        self._named |= {f"#/definitions/{name}": each for name, each in root.definitions.items()}
        self._named["#"] = root
        self._text = text
        self._seed = seed

    def value(self, schema: _Any, place: str, depth: int) -> object:
        of = self._resolved(schema)
        if of.const is not UNSET:
            return of.const
        if of.enum:
            return of.enum[self._draw(place, len(of.enum))]
        plain = {"null": None, "boolean": bool(self._draw(place, 2)), "string": self._string(of)}
        kind = of.kind()
        if kind in plain:
            return plain[kind]
        if kind in {"integer", "number"}:
            return self._number(of, place, whole=kind == "integer")
        if kind == "array":
            count = min(1, of.max_items) if of.min_items is None else of.min_items
            return [self.value(of.items, f"{place}[{number}]", depth + 1) for number in range(count)]
        return {name: self.value(each, f"{place}.{name}", depth + 1) for name, each in self._wanted(of, depth)}

    def _resolved(self, schema: _Any) -> _Node:
        """Return what a schema refers to, or the first that it lets one choose from."""
        of = schema
        for _ in range(_MOST_DEEP):
            if isinstance(of, bool):
                return _Node()
            choices = [*of.all_of, *of.any_of, *of.one_of]
            if of.ref:
                of = self._named.get(of.ref, True)
            elif choices and of.type is None and not of.properties:
                of = choices[0]
            else:
                return of
        return _Node()

    def _wanted(self, of: _Node, depth: int) -> Iterator[tuple[str, _Node | bool]]:
        known = of.properties if depth < _DEEPEST else {}
        if depth < _MOST_DEEP:
            yield from ({name: of.properties.get(name, True) for name in of.required} | known).items()

    def _string(self, of: _Node) -> str:
        said = _FORMATS.get(of.format) or opinion(self._text, seed=self._seed)
        return said.ljust(of.min_length, ".")[: of.max_length]

    def _number(self, of: _Node, place: str, *, whole: bool) -> float:
        above = None if of.exclusive_minimum is None else of.exclusive_minimum + (1 if whole else 0.01)
        low = next((each for each in (of.minimum, above) if each is not None), min(0.0, of.maximum or 0.0))
        high = low + 10 if of.maximum is None else of.maximum
        drawn = low + (high - low) * self._draw(place, 101) / 100
        return int(drawn) if whole else drawn

    def _draw(self, place: str, sides: int) -> int:
        told = f"{self._seed}\n{place}\n{self._text}".encode(errors="replace")
        return int.from_bytes(blake2b(told, digest_size=4).digest()) % sides
