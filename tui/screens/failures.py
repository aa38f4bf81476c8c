"""What failed in a job, by cause; Enter shows the items of one cause."""

import asyncio
from collections.abc import Sequence
from functools import partial
from shlex import quote
from threading import Event

from textual.geometry import Size

from ...engine.errors import BatchtopError
from ...engine.failures import Group, Grouped
from ...engine.snapshot import JobRow
from ...engine.store.results import Failed
from ...engine.text import clean
from ..actions import bindings
from ..board import Board
from ..reads.longreads import ITEMS_SHOWN
from ..reads.reading import Reading
from ..widgets.failuretable import (
    counted,
    group_line,
    group_lines,
    group_text,
    group_title,
    item_line,
    item_lines,
    item_text,
    item_title,
)
from ..words import format as say
from ..words.line import BLANK, Line, line, spread
from .exporting import Exporting
from .onejob import OneJobScreen


class FailuresScreen(OneJobScreen, inherit_bindings=False):
    """The causes of a job's failures, or the items of one of them."""

    PLACES = ("failures",)
    BINDINGS = bindings(*PLACES)
    heading = "Failures"

    found: Grouped | None = None
    reading: Reading | None = None
    group: Group | None = None
    """The cause whose items are shown."""
    items: tuple[Failed, ...] | None = None
    busy: bool = False
    """Whether failures are being read: that may take seconds, and there is one such read at a time."""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(job, board)
        self.given_up, self.items_given_up = Event(), Event()
        self.exporting = Exporting(self)

    def on_unmount(self) -> None:
        """End the reads that are under way."""
        self.given_up.set()
        self.items_given_up.set()
        self.exporting.stop()

    # What is read

    def job_read(self, row: JobRow, at: float) -> None:
        """Read the job's failures where others came."""
        if self.reading is None or self.reading.is_old(row.failed, at):
            self._read_causes()

    def job_gone(self) -> None:
        """Let the failures go."""
        self.found = self.reading = self.group = self.items = None

    def _read_causes(self) -> None:
        if not self.busy:
            self.busy = True
            self.run_worker(self._causes(), group="failures")

    async def _causes(self) -> None:
        started, failed = self.board.now(), self.row.failed if self.row else 0
        try:
            found = await asyncio.to_thread(self.board.source.failures, self.job, self.given_up)
        except BatchtopError as error:
            found, failed, self.note = self.found, -1, line((f"✕ {clean(str(error))}", "error"))
        now = self.board.now()
        self.busy, self.reading = False, Reading(now, now - started, failed)
        self._show_causes(found)

    def _show_causes(self, found: Grouped | None) -> None:
        """Show what was found, and keep the mark on its cause."""
        before = self._marked_group()
        self.found = found
        if self.group is None:
            self.list.index = self.list.index if before is None else self._place(before)
            self.draw()

    async def _items(self, group: Group, given_up: Event) -> None:
        try:
            items = await asyncio.to_thread(self.board.source.failed_items, self.job, group, given_up)
        except BatchtopError as error:
            if given_up.is_set():
                return
            items, self.note = (), line((f"✕ {clean(str(error))}", "error"))
        if self.group is group:
            self.items, self.list.index = items, 0
            self.draw()

    def _place(self, group: Group) -> int:
        """Return where a cause stands now, by its kind and pattern."""
        groups = self.found.groups if self.found else ()
        same = ((group.kind, group.pattern) == (each.kind, each.pattern) for each in groups)
        return next((i for i, found in enumerate(same) if found), self.list.index)

    # What is shown

    def show_rows(self) -> None:
        """Give the list the causes, or the items of one."""
        self.set_class(self.group is not None, "-full")
        if self.group is not None:
            rows = [partial(item_line, item) for item in self.items or ()]
            instead = "no item of it is left" if self.items == () else "reading …"
            self.list.show(item_title, rows, self.list.index, instead)
        elif self.found is not None:
            rows = [partial(group_line, group, self.found.items) for group in self.found.groups]
            self.list.show(group_title, rows, self.list.index, "no item has failed")
        else:
            self.list.show(group_title, (), 0, "" if self.row is None else "reading …")

    def about(self, width: int) -> Line:
        """Return how far an export is, or how many failed, of how many causes, and when that was read."""
        if self.exporting.under_way:
            return self.exporting.told(width)
        if self.group is not None:
            return line((self._items_told(self.group), "dim"))
        if self.found is None or self.reading is None:
            return BLANK
        at = "reading …" if self.busy else f"as of {say.clock(self.reading.at)}"
        return spread(line((counted(self.found), "dim")), line((at, "dim")), width)

    def _items_told(self, group: Group) -> str:
        """Return which items are shown."""
        what = f"{say.words(group.kind)}: {say.plural(group.items, 'item')}"
        if self.items is None or len(self.items) < ITEMS_SHOWN:
            return what
        return f"{what}, the first {ITEMS_SHOWN} here; `batchtop export --failed` has all"

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked cause or item in full."""
        if item := self._marked_item():
            return item_lines(item, room)
        group = self._marked_group()
        return group_lines(group, room) if group and self.group is None else []

    def _marked_group(self) -> Group | None:
        """Return the cause marked, or the one whose items are shown."""
        if self.group is not None or not (self.found and self.found.groups):
            return self.group
        return self.found.groups[min(self.list.index, len(self.found.groups) - 1)]

    def _marked_item(self) -> Failed | None:
        return self.items[self.list.index] if self.group is not None and self.items else None

    # Keys

    def does(self, action: str) -> bool:
        """Return whether a key does something now."""
        if action == "open":
            return bool(self.items) if self.group else self._marked_group() is not None
        if action == "export" and self.exporting.under_way:
            return False
        return action not in {"retry", "copy", "export"} or self._marked_group() is not None

    def action_open(self) -> None:
        """Show the items of the marked cause, or the marked item in full."""
        if self.group is None:
            self._open_group()
        elif self.items:
            self.open_item([item.key for item in self.items])

    def _open_group(self) -> None:
        self.items_given_up.set()
        self.group, self.items, self.items_given_up = self._marked_group(), None, Event()
        if self.group is not None:
            self.run_worker(self._items(self.group, self.items_given_up), group="failures")
        self.list.index = 0
        self.draw()

    def open_marked(self) -> None:
        """Open what was clicked, and was marked already."""
        self.action_open()

    def action_back(self) -> None:
        """Stop the export, or go up: to the causes, or to the job."""
        if self.exporting.under_way:
            self.exporting.stop()
            return
        if self.group is None:
            super().action_back()
            return
        group, self.group, self.items = self.group, None, None
        self.items_given_up.set()
        self.list.index = self._place(group)
        self.draw()

    def action_anew(self) -> None:
        """Read the failures, or the items of the cause shown, once more."""
        if self.group is None:
            self._read_causes()
            self.draw()
        else:
            self._open_group()

    def action_retry(self) -> None:
        """Have the engine try again what failed in the marked way, or say how to do it without one."""
        group = self._marked_group()
        if group is None or self.row is None:
            return
        if self.live:
            self.say(f"asking for {say.words(group.kind)} once more …", "warn")
            self.board.tell(self.job, "retry", {"failed": [group.kind]})
        else:
            command = f"batchtop retry {quote(clean(self.job))} --kind {group.kind}"
            self.note = line("no engine runs it: ", (command, "key"))
            self.draw_around()

    def action_export(self) -> None:
        """Write the items of the marked cause to a new file in this folder."""
        if group := self._marked_group():
            self.exporting.start(group)

    def action_copy(self) -> None:
        """Copy the marked cause or item through the terminal."""
        item, group = self._marked_item(), self._marked_group()
        if item is not None:
            self.board.copy(item_text(item))
        elif group is not None:
            self.board.copy(group_text(group))
        self.say("copied the item" if item else "copied the cause", "ok")
