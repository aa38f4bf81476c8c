"""The newest results of a job: they come in at the top while nobody marks one; Enter opens the item."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from threading import Event
from typing import Final

from textual.geometry import Size
from textual.timer import Timer

from ...engine.errors import BatchtopError
from ...engine.snapshot import ACTIVE, JobRow
from ...engine.store.latest import Latest, Preview
from ...engine.text import clean
from ..actions import bindings
from ..reads.resultlist import RESULTS_SHOWN, Stand, Wanted, stand_of, told, with_new
from ..widgets.resulttable import result_line, result_lines, result_title
from ..words import format as say
from ..words.itempage import answer_text, is_cut
from ..words.line import BLANK, Line, Span, first_fit, join, line, spread
from ..words.line import width as cells
from .filtering import FilteredScreen
from .onejob import OneJobScreen

TYPED_S: Final = 0.25
"""A search begins when nothing was typed for so long."""
_OF_MARKED: Final = frozenset({"open", "cursor", "page", "copy"})


class ResultsScreen(FilteredScreen, OneJobScreen, inherit_bindings=False):
    """A list of results, and what is being looked for in them."""

    PLACES = ("results",)
    BINDINGS = bindings(*PLACES)
    heading = "Results"

    wanted: Wanted = Wanted()
    found: Latest | None = None
    stand: Stand | None = None
    """How far the job was when they were read."""
    following: bool = True
    under_way: Event | None = None
    """Ends the read that goes on at the moment."""
    searching: bool = False
    """Whether that read may take long."""
    pause: Timer | None = None
    """Runs while something is typed."""

    def on_unmount(self) -> None:
        """End the read that is under way."""
        self._give_up()

    # What is read

    def job_read(self, row: JobRow, at: float) -> None:  # noqa: ARG002 - a read takes no rest here
        """Read the results that came."""
        if self.under_way is None and self._is_due(stand_of(row)):
            self._look(stand_of(row))

    def job_gone(self) -> None:
        """Let the results go."""
        self._give_up()
        self.found = self.stand = None

    def _is_due(self, now: Stand) -> bool:
        """Return whether to read: always at first and when a run began, then what came while it is followed."""
        if self.stand is None or self.stand.run != now.run:
            return True
        return self.following and now != self.stand

    def _look(self, now: Stand) -> None:
        """Read what came since, or all anew where that is not all that has changed."""
        known = self.found if self.stand and now.goes_on_from(self.stand) else None
        self.under_way, self.searching = Event(), known is None and self.wanted != Wanted()
        self.run_worker(self._results(self.wanted, known, now, self.under_way), group="results")

    async def _results(self, wanted: Wanted, known: Latest | None, now: Stand, given_up: Event) -> None:
        after = known.seq if known else 0
        try:
            new = await asyncio.to_thread(self.board.source.results, self.job, wanted, after, given_up)
        except BatchtopError as error:
            if self.under_way is given_up:
                self.under_way, self.searching = None, False
                self.say(f"✕ {clean(str(error))}", "error")
            return
        if self.under_way is given_up:
            self.under_way, self.searching, self.stand = None, False, now
            self._show(with_new(known, new) if known else new)

    def _show(self, found: Latest) -> None:
        """Show what was read, and keep the mark on its item where it was put there by hand."""
        key = marked.key if (marked := self.marked()) else ""
        same = (number for number, row in enumerate(found.rows) if row.key == key)
        self.found, self.list.index = found, 0 if self.following else next(same, self.list.index)
        self.draw()

    def _give_up(self) -> None:
        """End the read that is under way, if there is one."""
        if self.under_way is not None:
            self.under_way.set()
        self.under_way, self.searching = None, False

    def _look_for(self, wanted: Wanted) -> None:
        """Look for something else from now on."""
        self._give_up()
        self.wanted, self.stand, self.following, self.list.index = wanted, None, True, 0
        if self.row is not None:
            self._look(stand_of(self.row))
        self.draw()

    # What is shown

    def marked(self) -> Preview | None:
        """Return the marked result, if there is any."""
        rows = self.found.rows if self.found else ()
        return rows[min(self.list.index, len(rows) - 1)] if rows else None

    def show_rows(self) -> None:
        """Give the list its results."""
        rows = [partial(result_line, row) for row in self.found.rows] if self.found else []
        self.list.show(result_title, rows, 0 if self.following else self.list.index, self._instead())

    def _instead(self) -> str:
        if self.found is None or self.row is None:
            return "" if self.row is None else "reading …"
        if self.wanted != Wanted():
            return f"no {self.wanted.noun} has that in it" if self.wanted.find else f"no {self.wanted.noun} among them"
        return "no result yet; they come in here" if self.row.state in ACTIVE else "no item has a result"

    def about(self, width: int) -> Line:
        """Return what is listed of how many, and whether it is followed."""
        chosen = line((f"/{clean(self.filter)}", "key")) if self.filter and not self.field.typing else BLANK
        counted = told(self.found, self.wanted, self.stand.ended) if self.found and self.stand else ""
        left, right = join([chosen, line((counted, "dim"))]), line(self._course())
        capped = self.found is not None and len(self.found.rows) >= RESULTS_SHOWN
        more = (*left, *line(("; `batchtop export` has all" if capped else "", "dim")))
        return spread(first_fit([more, left], width - cells(right) - 2), right, width)

    def _course(self) -> Span:
        """Return whether the list is being searched, followed, or left behind."""
        if self.searching or self.pause is not None:
            return "searching …", "one"
        if self.row is None or self.stand is None:
            return "", ""
        newer = stand_of(self.row).ended - self.stand.ended
        if newer > 0 and not self.following:
            return f"{say.plural(newer, 'newer result')}, F follows", "dim"
        return ("following" if self.following else "F follows", "dim") if self.live else ("", "")

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked result as far as it is known here."""
        marked = self.marked()
        return result_lines(marked, room) if marked else []

    def labels(self) -> Mapping[str, str]:
        """Return what actions are called at this moment."""
        names = {None: "only answers", False: "only failures", True: "answers too"}
        return {"results.only": names[self.wanted.failed], "results.back": "show all" if self.filter else "back"}

    # Keys

    def does(self, action: str) -> bool:
        """Return whether a key does something now."""
        if self.row is None and action in {"filter", "only", "follow", "anew"}:
            return False
        return super().does(action) and (action not in _OF_MARKED or self.marked() is not None)

    def action_cursor(self, step: int) -> None:
        """Mark another result, which then keeps its place."""
        self.following = False
        super().action_cursor(step)

    def action_follow(self) -> None:
        """Mark the newest result, and let others come in above it."""
        self.following, self.list.index = True, 0
        self.poll.ask_anew()
        self.draw()

    def action_only(self) -> None:
        """List answers alone, failures alone, or both."""
        self._look_for(self.wanted.turned)

    def typed(self, text: str) -> None:
        """Look for a text once nothing more is typed."""
        self._give_up()
        if self.pause is not None:
            self.pause.stop()
        if text:
            self.pause = self.set_timer(TYPED_S, self._search)
            self.draw_around()
        else:
            self._search()

    def _search(self) -> None:
        self.pause = None
        self._look_for(Wanted(self.filter, self.wanted.failed))

    def action_open(self) -> None:
        """Open the item of the marked result."""
        if self.found and self.marked():
            self.following = False
            self.open_item([row.key for row in self.found.rows])

    def open_marked(self) -> None:
        """Open a result that was clicked, and was marked already."""
        self.action_open()

    def action_copy(self) -> None:
        """Copy what the marked item was answered."""
        if marked := self.marked():
            self.run_worker(self._copy(marked.key), group="copy")

    async def _copy(self, key: str) -> None:
        try:
            story = await self.board.thread.call(self.board.source.item, self.job, key)
        except BatchtopError as error:
            self.say(f"✕ {clean(str(error))}", "error")
            return
        if story is None or not (text := answer_text(story)):
            self.say("there is nothing to copy", "warn")
            return
        self.board.copy(text)
        self.say(f"copied {'the beginning of ' if is_cut(story) else ''}what item {clean(key, 40)} says", "ok")

    def action_anew(self) -> None:
        """Read the results once more."""
        self._look_for(self.wanted)

    def action_back(self) -> None:
        """Show all results again where a text was looked for, else go back to the job."""
        if self.filter:
            self.show_all()
        else:
            super().action_back()
