"""How many tokens an item takes, estimated without writing its request. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from .item import Item
from .tasks.template import compile_template
from .tasks.tokens import BYTES_PER_TOKEN
from .taskspec import ChatSpec, TaskSpec

Weigh: TypeAlias = Callable[[Item], int]
"""Returns the tokens that an item adds to a request."""

_encode: Final = msgspec.json.Encoder().encode


def weigher(task: TaskSpec) -> Weigh:
    """Return what estimates an item's tokens, at four bytes each: those of the fields that are sent and what is around.

    A system message is no part of it: items that share a request share that too.
    """
    templates = (task.prompt,) if isinstance(task, ChatSpec) else task.templates
    if templates is None:
        return lambda item: sum(map(_bytes, item.fields.values())) // BYTES_PER_TOKEN
    compiled = [compile_template(text) for text in templates]
    around = sum(len((each.pattern % (("",) * len(each.fields))).encode()) for each in compiled)
    names = tuple(name for each in compiled for name in each.fields)

    def weigh(item: Item) -> int:
        return (around + _sum(item.fields, names)) // BYTES_PER_TOKEN

    return weigh


def weightless(_item: Item) -> int:
    """Return no tokens for any item."""
    return 0


def _sum(fields: Mapping[str, object], names: tuple[str, ...]) -> int:
    return sum([_bytes(fields.get(name, "")) for name in names])


def _bytes(value: object) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
    return len(_encode(value))
