"""What a package needs that adds a type of task: the class it fills in, and the names it is written with."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from .answer import Answer, Usage
from .classify import classify
from .errors import TaskError
from .item import Item
from .outcome import Outcome
from .tasks.local import LocalTask, Result
from .tasks.task import Call, Plan, Reply, Task
from .tasks.template import Template, UnfitError, compile_template, render_each
from .transports import Request, Response, Transport, TransportError

__all__ = [
    "Answer",
    "Call",
    "Item",
    "LocalTask",
    "NoOptions",
    "Outcome",
    "Plan",
    "Reply",
    "Request",
    "Response",
    "Result",
    "Task",
    "TaskError",
    "TaskPlugin",
    "Template",
    "Transport",
    "TransportError",
    "UnfitError",
    "Usage",
    "classify",
    "compile_template",
    "render_each",
]


class NoOptions(Struct):
    """The options of a task that takes none."""


O = TypeVar("O", bound=Struct)  # noqa: E741 (the options)


class TaskPlugin(Generic[O]):
    """One task of a type that a package adds; made anew for each job, and wherever one is looked at."""

    takes: ClassVar[type[Struct]] = NoOptions
    """The keys of [task], besides `type` and `api_key_env`: names, types, defaults, and `__post_init__` to check them.

    `base_url` and `model`, where there are such keys, also say which limits it shares with other jobs.
    """

    def __init__(self, options: O, folder: Path) -> None:
        self.options = options
        self.folder = folder
        """The job file's own, which paths in the options are relative to."""

    def texts(self) -> Sequence[str]:
        """Return the templates whose fields an answer depends on; none means the whole row."""
        return ()

    def task(self, api_key: str | None) -> Task:
        """Return what makes calls of items, and answers of responses; it may neither wait nor read or write."""
        raise NotImplementedError

    def worker(self) -> Transport | None:
        """Return where the calls go, for one job to use and close; None means HTTP. It may take its time.

        Raises TaskError where it can't be had.
        """
        return None
