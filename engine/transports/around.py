"""What a job's own transport may use of the engine that runs the job, and what some of them can do besides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from ..clock import Clock
from .transport import Transport

if TYPE_CHECKING:
    from ..store.writer import Writer  # which needs to know what answers are made of, and so this package

Tell: TypeAlias = Callable[[str, str], None]
"""Writes a line of the job's log: what happened, and its level."""


@dataclass(frozen=True, slots=True)
class Around:
    """The engine around a transport."""

    http: Transport
    """Shared with other jobs; who uses it does not close it."""
    writer: "Writer"
    clock: Clock


@runtime_checkable
class Afar(Protocol):
    """A transport whose calls go on at a provider after the engine has left."""

    def begin(self, job: int, tell: Tell) -> None:
        """Work for the job of this number from now on."""
        ...

    def let_go(self) -> None:
        """Wait no more: calls end as cancelled, go on at the provider, and are collected by a later run."""
        ...

    async def cancel(self) -> None:
        """End at the provider what is in its hands."""
        ...
