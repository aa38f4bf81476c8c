"""JSON whose texts are templates: where they stand in it. Pure."""

from collections.abc import Iterator
from typing import cast


def texts_in(shape: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in nested tables and lists, after its dotted place; names of keys are none."""
    if isinstance(shape, str):
        yield place, shape
    elif isinstance(shape, dict):
        for key, each in cast("dict[str, object]", shape).items():
            yield from texts_in(each, f"{place}.{key}")
    elif isinstance(shape, list):
        for number, each in enumerate(cast("list[object]", shape)):
            yield from texts_in(each, f"{place}[{number}]")
