"""The fourth step: what a run would do, cost and take, and what stands against it."""

import asyncio
from textwrap import wrap
from threading import Event
from typing import Final

from textual.app import ComposeResult

from ...engine.errors import BatchtopError
from ...engine.text import clean
from ..newjob.jobtext import job_text
from ..newjob.workbench import Finding, Told
from ..widgets.painted import Painted
from ..words import format as say
from ..words.line import BLANK, Line, line
from .wizard_step import Step, Wizard

_LOOK_S: Final = 0.25


class PlanStep(Step):
    """Plans while it is shown; leaving it gives that up."""

    heading = "Plan"
    about = "What would a run do and cost? Nothing is sent yet."

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(wizard)
        self.body = Painted(charset=wizard.board.charset, classes="body")
        self.body.can_focus = True
        self.planned_for = ""
        """The job file of which `told` is the plan."""
        self.told: Told | None = None
        self.findings: tuple[Finding, ...] = ()
        self.problem = ""
        self.progress = (0, 0.0)
        self.given_up = Event()
        self.first = 0

    def compose(self) -> ComposeResult:
        """Yield the plan."""
        yield self.body

    def order(self) -> list[Painted]:
        """Return the plan itself."""
        return [self.body]

    def enter(self) -> None:
        """Plan, unless that is done already; what stands against it may have changed, and is looked at again."""
        self.screen.set_focus(self.body)
        text = job_text(self.wizard.draft)
        if text != self.planned_for:
            self.told, self.findings, self.first = None, (), 0
        self.problem, self.given_up = "", Event()
        self.run_worker(self._plan(text, self.given_up), group="plan", exclusive=True)
        self.draw()

    def leave(self) -> None:
        """Give the planning up."""
        self.given_up.set()

    def on_unmount(self) -> None:
        """Give the planning up."""
        self.given_up.set()

    def hindrance(self) -> str:
        """Return why there is nothing to start."""
        return clean(self.problem) or ("" if self.told else "the input is still being read")

    async def _plan(self, text: str, given_up: Event) -> None:
        bench, path = self.wizard.bench, self.wizard.draft.file
        try:
            spec = await asyncio.to_thread(bench.check, text, path)
            self.findings = await asyncio.to_thread(bench.findings, spec)
            if self.told is None:
                self.progress = (0, 0.0)
                planning = asyncio.create_task(asyncio.to_thread(bench.plan, spec, self._tell, given_up))
                while not (await asyncio.wait({planning}, timeout=_LOOK_S))[0]:
                    self.draw()
                self.told, self.planned_for = planning.result(), text
        except BatchtopError as error:
            self.problem = "" if given_up.is_set() else str(error)
        if not given_up.is_set():
            self.draw()

    def _tell(self, rows: int, share: float) -> None:
        self.progress = (rows, share)

    def move(self, step: int) -> None:
        """Move through the plan."""
        self.first = max(0, self.first + step)
        self.draw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show what is known by now."""
        width, height = self.body.size
        lines = self._lines(max(20, width))
        self.first = min(self.first, max(0, len(lines) - height))
        shown = lines[self.first : self.first + height]
        if self.first + height < len(lines) and shown:
            shown[-1] = line((f"… {len(lines) - self.first - height + 1} more lines: ↓", "dim"))
        self.body.paint(shown)

    def _lines(self, width: int) -> list[Line]:
        if self.problem:
            told = wrap(f"✕ {clean(self.problem, 2_000)}", width)
            return [*(line((text, "error")) for text in told), BLANK, line(("PgUp goes back to mend it", "dim"))]
        lines = [part for each in self.findings for part in _finding_lines(each, width)]
        if self.told is None:
            rows, share = self.progress
            of_it = f", {share:.0%} of the input" if share else ""
            return [*lines, line((f"reading the input: {say.plural(rows, 'row')}{of_it}", "dim"))]
        told = self.told(width).splitlines()
        return [*lines, *([BLANK] if lines else []), *(line(clean_line(text)) for text in told)]


def clean_line(text: str) -> str:
    """Return a line without escapes, its first spaces kept."""
    bare = text.lstrip(" ")
    return " " * (len(text) - len(bare)) + clean(bare)


def _finding_lines(finding: Finding, width: int) -> list[Line]:
    glyph, tone = ("✕", "error") if finding.hinders else ("◇", "warn")
    return [line((text, tone)) for text in wrap(f"{glyph} {clean(finding.text)}", width, subsequent_indent="  ")]
