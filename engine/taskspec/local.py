"""Tasks that are done on this machine: functions, programs, models."""

import shlex
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from ..text import clean
from ..vector import Form
from .free import FreeSpec
from .values import Filled

Takes: TypeAlias = Literal["item", "batch", "columns"]
Mode: TypeAlias = Literal["async", "thread", "process"]


class PythonSpec(FreeSpec, frozen=True, tag_field="type", tag="python"):
    """A function of the user's own, called on this machine."""

    call: Filled
    """`module:function`; it may be a coroutine function."""
    takes: Takes = "item"
    """The fields of one item; or, for as many results, a list of those of a whole batch, or a list for each field."""
    mode: Mode | None = None
    """Where it runs; None means `async` for a coroutine function, and else a thread."""
    workers: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Processes at most, for `mode = "process"`; None means as many as there are cores."""
    fields: tuple[Filled, ...] = ()
    """The fields that it is given, and its result depends on; none means all."""
    version: str = ""
    """Any text: another one has every item done again."""
    path: str = ""
    """The folder where its module is looked for first; the job file's own, unless it is given."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return self.call

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its result depends on; None for the whole row."""
        return tuple(f"{{{field}}}" for field in self.fields) or None


class CommandSpec(FreeSpec, frozen=True, tag_field="type", tag="command"):
    """A program, started on this machine without a shell."""

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The program and its words; where it is started for each item they are templates over the item's fields."""
    takes: Literal["item", "batch", "stream"] = "item"
    """Whether it is started for each item, for each batch, with a line an item, or stays and answers line by line."""
    stdin: Filled | None = None
    """A template of what it is given for an item; None means the fields as JSON."""
    fields: tuple[Filled, ...] = ()
    """The fields that it is given, and its answer depends on; none means all."""
    version: str = ""
    """Any text: another one has every item done again."""
    path: str = ""
    """The folder it is started in: the job file's own."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return clean(shlex.join(self.command), 60)

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        words = self.command if self.takes == "item" else ()
        given = (self.stdin,) if self.stdin else tuple(f"{{{field}}}" for field in self.fields)
        return (*given, *words) if given else None


class TransformersSpec(FreeSpec, frozen=True, tag_field="type", tag="transformers"):
    """A model of Hugging Face's libraries, run on this machine."""

    model: Filled
    """Its folder, or its name on the hub."""
    text: Filled
    """A template over the item's fields."""
    pipeline: Filled | None = None
    """What it does, as `text-classification`; None means a vector of each text, by sentence-transformers."""
    device: Filled = "auto"
    """Where it runs, as `cpu` or `cuda:1`; `auto` means the first GPU, where there is one."""
    parameters: dict[str, object] = field(default_factory=dict[str, object])
    """Given to each call of the pipeline, or of `encode`."""
    vectors: Form = "float32"
    """How vectors are stored."""
    path: str = ""
    """The folder where its folder is looked for: the job file's own."""

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on."""
        return (self.text,)
