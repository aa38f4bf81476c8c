"""The last step: the job file is written, and the job started, or left for later."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from ...engine.errors import BatchtopError, OutputError
from ...engine.output.whole import whole_file
from ...engine.text import clean
from ..newjob.jobtext import job_text
from ..widgets.fields import PickField, TextField
from ..widgets.painted import Painted
from ..words.line import Line, line
from .question import Choice, Question, QuestionScreen
from .wizard_plan import clean_line
from .wizard_step import Step, Wizard

_REPLACE = Choice("y", "replace", "write over it", "replace")


class StartStep(Step):
    """Shows the job file, and where it goes."""

    heading = "Start"
    about = "This file says all of it: keep, edit, run it again."

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(wizard)
        charset = wizard.board.charset
        self.label = Painted(charset=charset, classes="label")
        self.job_file = TextField(id="job-file")
        self.start = PickField(charset=charset, id="start")
        self.save = PickField(charset=charset, id="save")
        self.text = Painted(charset=charset, classes="panel", id="text")
        self.busy = False

    def compose(self) -> ComposeResult:
        """Yield the path, the two ways on, and the text."""
        with Horizontal(classes="row"):
            yield self.label
            yield self.job_file
        yield self.start
        yield self.save
        yield self.text

    @property
    def verb(self) -> str:
        """What enter does."""
        return "start" if self.start.has_focus else "save" if self.save.has_focus else "next"

    def order(self) -> list[TextField | PickField]:
        """Return the path and the two ways on."""
        return [self.job_file, self.start, self.save]

    def enter(self) -> None:
        """Show the file as it would be written."""
        self.label.paint([line("job file")])
        self.job_file.put(self.wizard.draft.job_file)
        self.start.put("start the job", "and open its screen")
        self.save.put("save only", "and run it later")
        self.screen.set_focus(self.start)
        self.call_after_refresh(self.draw)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show where it is written."""
        event.stop()
        self.gather()
        self.draw()

    def gather(self) -> None:
        """Take the path into the draft."""
        if self.job_file.value != self.wizard.draft.job_file:
            self.wizard.change(replace(self.wizard.draft, job_file=self.job_file.value))

    def hindrance(self) -> str:
        """Return that this is the end."""
        return "enter starts the job"

    def take(self) -> bool:
        """Write, and start where that is wanted."""
        if self.screen.focused is self.job_file:
            return False
        self._write(self._begin if self.screen.focused is self.start else self._saved)
        return True

    def on_pick_field_picked(self) -> None:
        """Do what was clicked."""
        self.take()

    def does(self, action: str) -> bool:
        """Return whether a key does something; while a job starts, none does."""
        return super().does(action) and action != "onward" and not self.busy

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show the file's text, and its place."""
        draft = self.wizard.draft
        self.job_file.placeholder = f"{draft.name}.toml"
        self.text.border_title = clean(str(draft.file), 200)
        lines: list[Line] = [line(clean_line(text)) for text in job_text(draft).splitlines()]
        height = self.text.size.height
        if len(lines) > height > 0:
            lines = [*lines[: height - 1], line((f"… {len(lines) - height + 1} more lines", "dim"))]
        self.text.paint(lines)

    # Writing

    def _write(self, then: Callable[[Path], None], *, over: bool = False) -> None:
        """Write the file, asking first where another one is there, and go on."""

        async def write() -> None:
            path, text = self.wizard.draft.file, job_text(self.wizard.draft)
            try:
                written = await asyncio.to_thread(write_job, path, text, over=over)
            except OutputError as error:
                self.wizard.say(f"✕ {clean(str(error))}", "error")
                return
            if written:
                self.wizard.saved = text
                then(path)
            else:
                self._ask(path, then)

        self.run_worker(write(), group="write")

    def _ask(self, path: Path, then: Callable[[Path], None]) -> None:
        def answered(choice: Choice | None) -> None:
            if choice is _REPLACE:
                self._write(then, over=True)

        about = (clean(str(path), 64), "is another job file; what it says would be lost.")
        board = self.wizard.board
        board.ask(QuestionScreen(Question("Write over this file?", about, (_REPLACE,)), board.charset), answered)

    def _saved(self, path: Path) -> None:
        self.wizard.say(f"✓ saved; to run it:  {clean(self.wizard.bench.command(path))}", "ok")

    def _begin(self, path: Path) -> None:
        self.busy = True
        self.wizard.say("starting the job …")
        self.run_worker(self._started(path), group="start")

    async def _started(self, path: Path) -> None:
        try:
            name = await asyncio.to_thread(self.wizard.bench.start, path)
        except BatchtopError as error:
            self.busy = False
            self.wizard.say(f"✕ not started: {clean(str(error))}", "error")
        else:
            self.wizard.board.open("job", name)


def write_job(path: Path, text: str, *, over: bool = False) -> bool:
    """Write a job file; False where there is another one, which is left as it is unless `over`.

    Raises OutputError.
    """
    try:
        if not over and path.is_file():
            return path.read_text(encoding="utf-8") == text
        with whole_file(path, "job file", lambda _: True, ()) as file:
            file.write(text.encode())
    except UnicodeDecodeError:
        return False
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"{path}: cannot be written ({reason})") from error
    return True
