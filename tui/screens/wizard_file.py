"""The first step: which file. A path is completed as it is typed, and a file is looked at once it is named."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from textwrap import wrap
from typing import Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from ...engine.text import clean
from ..newjob.draft import for_file
from ..newjob.peek import KEPT_ROWS, Field, Matches, Peek, look, shown
from ..widgets.fields import TextField
from ..widgets.painted import Painted
from ..words import format as say
from ..words.line import BLANK, Line, fit, line
from .wizard_step import Step, Wizard

_ROW_LETTERS: Final = 2_000
_FIELD: Final = 22
_MISSING: Final = 12


class FileStep(Step):
    """Asks for the input."""

    heading = "File"
    about = "Items in .jsonl .csv .tsv .txt .parquet, also compressed"

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(wizard)
        charset = wizard.board.charset
        self.path = TextField(id="path")
        self.label = Painted(charset=charset, classes="label")
        self.body = Painted(charset=charset, classes="body")
        self.seen: Matches | Peek = Matches()
        self.seen_for: str | None = None
        """The path as typed when `seen` was looked up."""
        self.index = 0
        self.given = ""
        """The name that the job was given for a file."""
        self.then: Callable[[], object] | None = None
        """What was asked for before the look was over."""

    def compose(self) -> ComposeResult:
        """Yield the field, and what is found there."""
        with Horizontal(classes="row"):
            yield self.label
            yield self.path
        yield self.body

    @property
    def verb(self) -> str:
        """What enter does."""
        return "take" if isinstance(self.seen, Matches) else "next"

    def order(self) -> list[TextField]:
        """Return the one field."""
        return [self.path]

    def enter(self) -> None:
        """Look again: the file may be another one by now."""
        self.label.paint([line("file")])
        self.path.put(self.wizard.draft.path)
        self.screen.set_focus(self.path)
        self._look()

    def hindrance(self) -> str:
        """Return why there is nothing to work with."""
        if self.seen_for != self.path.value:
            return "the file is being looked at"
        if not isinstance(self.seen, Peek):
            return "choose a file first"
        return clean(self.seen.problem) or ("" if self.seen.fields else f"{self.seen.path}: its rows have no fields")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look at what is typed so far."""
        event.stop()
        self.gather()

    def gather(self) -> None:
        """Look at what is typed so far."""
        if self.path.value != self.wizard.draft.path:
            self.wizard.change(replace(self.wizard.draft, path=self.path.value))
            self._look()

    def leave(self) -> None:
        """Name the job after its file, unless it has a name."""
        if self.wizard.found:
            taken = self.wizard.taken | self.wizard.found.beside
            named = for_file(self.wizard.draft, self.fields, taken, self.given)
            if named.name != self.wizard.draft.name:
                self.given = named.name
            self.wizard.change(named)

    def _look(self) -> None:
        self.run_worker(self._looked(self.path.value), group="look", exclusive=True)

    async def _looked(self, typed: str) -> None:
        self.seen, self.seen_for, self.index = await asyncio.to_thread(look, typed), typed, 0
        self.wizard.found = self.seen if isinstance(self.seen, Peek) else None
        self.draw()
        self.wizard.show_keys()
        then, self.then = self.then, None
        if then:
            then()

    def take(self) -> bool:
        """Go into the marked folder, take the marked file, or go on with the one that is there."""
        if self.seen_for != self.path.value:
            self.then = self.take
        elif isinstance(self.seen, Peek):
            self.wizard.onward()
        else:
            self._complete()
        return True

    def tab(self, step: int) -> None:  # noqa: ARG002 - there is no other field
        """Complete the path by the marked line."""
        if self.seen_for != self.path.value:
            self.then = self._complete
        else:
            self._complete()

    def _complete(self) -> None:
        if isinstance(self.seen, Matches) and self.seen.paths:
            self.path.put(self.seen.paths[self.index])

    def move(self, step: int) -> None:
        """Mark another line."""
        if isinstance(self.seen, Matches) and self.seen.paths:
            self.index = min(max(self.index + step, 0), len(self.seen.paths) - 1)
            self.draw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show what the path leads to."""
        width, height = self.body.size
        found = self.seen
        lines = peek_lines(found, width, height) if isinstance(found, Peek) else self._match_lines(found, height)
        self.body.paint(list(lines))

    def _match_lines(self, found: Matches, height: int) -> Iterator[Line]:
        if found.problem:
            yield line((f"✕ {clean(found.problem)}", "error"))
        elif not found.paths:
            yield line(("nothing here that begins so and can be read", "dim"))
        first = max(0, self.index - height + 2)
        for number, path in enumerate(found.paths[first : first + height - 1], first):
            marked = number == self.index
            yield line("▸ " if marked else "  ", (clean(path), "chosen" if marked else ""))
        if found.more:
            yield line(("  … and more: type on to see them", "dim"))


def peek_lines(found: Peek, width: int, height: int) -> Iterator[Line]:
    """Yield what a file holds: its size, its fields with an example each, and its first rows."""
    yield line((clean(found.path.name), "strong"), (f"  {_size(found)}", "dim"))
    if found.problem:
        yield from (line((text, "error")) for text in wrap(f"✕ {clean(found.problem)}", max(20, width)))
    if not found.fields:
        return
    yield BLANK
    room = max(3, height - 5 - 2 * KEPT_ROWS)
    fields = list(found.fields.values())
    yield line((f"{fit('field', _FIELD)}{fit('missing', _MISSING)}example", "dim"))
    kept = fields if len(fields) <= room else fields[: room - 1]
    yield from (_field_line(each, found.sampled) for each in kept)
    if len(kept) < len(fields):
        yield line((f"and {say.plural(len(fields) - len(kept), 'more field')}", "dim"))
    yield BLANK
    left = height - 5 - len(kept) - (len(kept) < len(fields)) - bool(found.problem)
    for number, row in enumerate(found.sample, 1):
        yield from _row_lines(number, shown(row, _ROW_LETTERS), width, max(1, left // KEPT_ROWS))


def _size(found: Peek) -> str:
    rows = say.plural(found.rows, "row")
    counted = rows if found.whole else f"{rows} before that" if found.problem else f"more than {rows}"
    return f"{counted}, {_bytes(found.size)}"


def _bytes(number: int) -> str:
    text = say.short(number)
    return f"{text} bytes" if text[-1].isdigit() else f"{text[:-1]} {text[-1]}B"


def _field_line(field: Field, sampled: int) -> Line:
    missing = sampled - field.present
    told = f"{missing} of {sampled}" if missing else "-"
    return line(
        f"{fit(clean(field.name), _FIELD - 1)} ", (fit(told, _MISSING), "warn" if missing else "dim"), field.example
    )


def _row_lines(number: int, text: str, width: int, most: int) -> Iterator[Line]:
    """Yield one row in at most so many lines."""
    head = f"{number}  "
    for i, part in enumerate(wrap(text, max(20, width - len(head)), max_lines=most, placeholder=" …")):
        yield line((head if i == 0 else " " * cell_len(head), "dim"), part)
