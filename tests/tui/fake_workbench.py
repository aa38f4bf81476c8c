"""A workbench that checks nothing, plans what it is told to, and starts jobs in a list."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import msgspec
from batchtop.engine.errors import BatchtopError, StoppedError
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.tui.newjob.workbench import Finding, Told

PLAN = """reviews: /data/reviews.jsonl against an empty workspace

          30  rows in the input
          30  to ask: 30 requests, in 3 batches of up to 10

   tokens in  about 1,391
        cost  about $0.0012, from $0.0010 to $0.0016
        time  from 3 s to 40 s"""


@dataclass
class FakeWorkbench:
    keys: frozenset[str] = frozenset({"OPENAI_API_KEY"})
    refusal: str = ""
    """Why no job file is good."""
    found: tuple[Finding, ...] = ()
    trouble: str = ""
    """Why no job can be started."""
    held: Event | None = None
    """The plan is made only once this is set, or given up."""
    checked: list[str] = field(default_factory=list)
    planned: int = 0
    given_up: int = 0
    started: list[str] = field(default_factory=list)

    def has_key(self, name: str) -> bool:
        return name in self.keys

    def check(self, text: str, path: Path) -> JobSpec:
        self.checked.append(text)
        if self.refusal:
            raise BatchtopError(f"{path}: {self.refusal}")
        return msgspec.convert({"name": "reviews", "input": InputSpec("x"), "task": _TASK}, JobSpec)

    def findings(self, spec: JobSpec) -> tuple[Finding, ...]:
        return self.found

    def plan(self, spec: JobSpec, tell: Callable[[int, float], None], given_up: Event) -> Told:
        self.planned += 1
        while self.held and not self.held.is_set():
            tell(120_000, 0.4)
            if given_up.is_set():
                self.given_up += 1
                raise StoppedError("the plan was given up")
            time.sleep(0.01)
        return lambda _cells: PLAN

    def start(self, path: Path) -> str:
        if self.trouble:
            raise BatchtopError(self.trouble)
        self.started.append(path.read_text())
        return "reviews"

    def command(self, path: Path) -> str:
        return f"batchtop run {path.name}"


_TASK = {"type": "chat", "model": "m", "prompt": "p"}
