"""What the wizard for new jobs needs besides the workspace: a protocol, as the dashboard itself starts nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol, TypeAlias

from ...engine.job import JobSpec

Told: TypeAlias = Callable[[int], str]
"""Gives a text for so many cells a line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a job that a person should know before it starts."""

    text: str
    hinders: bool
    """Whether it would be refused."""


class Workbench(Protocol):
    """Checks, plans and starts jobs. All but `has_key` may take long, and is called from other threads."""

    def has_key(self, name: str) -> bool:
        """Return whether an environment variable holds something."""
        ...

    def check(self, text: str, path: Path) -> JobSpec:
        """Return the job that a job file with this text would describe at that place; raises BatchtopError."""
        ...

    def findings(self, spec: JobSpec) -> tuple[Finding, ...]:
        """Return what stands against starting a job, or should be known."""
        ...

    def plan(self, spec: JobSpec, tell: Callable[[int, float], None], given_up: Event) -> Told:
        """Return what a run would do and cost. Reads the whole input; `tell` hears of the rows and the share read.

        Raises BatchtopError, and that soon after `given_up` is set.
        """
        ...

    def start(self, path: Path) -> str:
        """Have an engine run the job of a job file and return the job's name; raises BatchtopError."""
        ...

    def command(self, path: Path) -> str:
        """Return the command line that runs a job file."""
        ...
