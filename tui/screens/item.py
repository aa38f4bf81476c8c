"""All of one item, over the list it was opened from: how it stands, its answer, its tries, its fields, its request."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.screen import ModalScreen

from ...engine.errors import BatchtopError
from ...engine.store.story import ItemStory
from ...engine.text import clean
from ..actions import bindings
from ..board import Board
from ..reads.source import Source
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..widgets.toosmall import TooSmall
from ..words.itempage import Section, answer_text, is_cut, page_lines, page_of, page_text, status_span
from ..words.line import BLANK, Line, Tone, line, spread
from ..words.wrapping import Rows, length

LOOK_S: Final = 1.0
"""An item is read again so often: it may end, or be tried again."""


class ItemScreen(ModalScreen[int], inherit_bindings=False):
    """A page of text about an item of a list. It is dismissed with the place of the one looked at last."""

    BINDINGS = bindings("item")
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow")]  # noqa: RUF012 - as textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (20, "-low")]  # noqa: RUF012

    story: ItemStory | None = None
    """The item shown; while another one is being read, still the one before."""
    sections: tuple[Section, ...] = ()
    lines: Sequence[Line] = ()
    starts: Sequence[int] = ()
    """At which character of the page each section begins."""
    first: int = 0
    """The row on top."""
    busy: bool = False
    trouble: str = ""
    note: Line = BLANK

    def __init__(self, job: str, keys: Sequence[str], index: int, board: Board) -> None:
        super().__init__(classes=f"-{board.charset}")
        self.job, self.listed, self.index, self.board = job, keys, index, board
        set_ = board.charset
        self.title_text, self.body = Painted(charset=set_, id="title"), Painted(charset=set_, id="page")
        self.bar, self.too_small = KeyBar(charset=set_), TooSmall(charset=set_)
        self.rows = Rows((), 0)

    def compose(self) -> ComposeResult:
        """Yield the title, the page and the keys."""
        yield self.title_text
        yield self.body
        yield self.bar
        yield self.too_small

    # What is read

    @property
    def key(self) -> str:
        """The id of the item as JSON text."""
        return self.listed[self.index]

    def on_mount(self) -> None:
        """Read at once, and then now and again."""
        self._looking = self.set_interval(LOOK_S, self.look)
        self.look()

    def on_screen_suspend(self) -> None:
        """Don't even look while another screen covers this one: textual repaints both for that."""
        self._looking.pause()

    def on_screen_resume(self) -> None:
        """Look again."""
        self._looking.resume()

    def look(self) -> None:
        """Read the item, unless a read is under way."""
        if not self.busy:
            self.busy = True
            self.run_worker(self._read(self.key), group="item")

    async def _read(self, key: str) -> None:
        try:
            read = await self.board.thread.call(_read, self.board.source, self.job, key, self.story, self.sections)
            self._take(*read, "" if read[0] else "there is no such item any more")
        except BatchtopError as error:
            self._take(self.story, self.sections, clean(str(error)))
        finally:
            self.busy = False
        if key != self.key:
            self.look()

    def _take(self, story: ItemStory | None, sections: tuple[Section, ...], trouble: str) -> None:
        """Show what was read where it is something else; the section on top stays there, also from item to item."""
        if (story, trouble) == (self.story, self.trouble):
            return
        title, behind = self._section_on_top()
        same = story is not None and self.story is not None and story.key == self.story.key
        self.story, self.sections, self.trouble = story, sections, trouble
        self.lines, self.starts = page_lines(sections)
        starts = zip(self.starts, sections, strict=True)
        top = next((start for start, each in starts if each.title == title), 0)
        self._wrap(top + behind if same else top)

    def _section_on_top(self) -> tuple[str, int]:
        """Return the section that the row on top is part of, and how far in that is; nothing on the first row."""
        if not (self.first and self.sections):
            return "", 0
        place = self.rows.place_of(self.first)
        number = bisect_right(self.starts, place) - 1
        return self.sections[number].title, place - self.starts[number]

    # What is shown

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._rewrap)

    def _rewrap(self) -> None:
        if self.is_attached:  # it may have been left meanwhile
            self._wrap(self.rows.place_of(self.first) if self.first else 0)

    def _wrap(self, place: int) -> None:
        """Wrap the page to the width there is, with that place on top."""
        self.rows = Rows(self.lines, self.body.size.width)
        self.first = self.rows.row_at(place) if place else 0
        self.action_scroll(0)

    def action_scroll(self, step: int) -> None:
        """Move so many rows."""
        room = self.body.size.height
        self.first = self.rows.furthest(max(0, self.first + step), room)
        self.body.paint(self.rows.shown(self.first, room))
        self._draw_around()

    def _draw_around(self) -> None:
        width, shown = self.title_text.size.width, self.story.key if self.story else self.key
        name = line((clean(self.job), "strong"), ("  Item ", "dim"), (clean(shown, 200), "strong"))
        status = line(status_span(self.story)) if self.story else BLANK
        if self.trouble:
            said = line((f"✕ {self.trouble}", "error"))
        else:
            said = self.note or line((f"{self.index + 1} of the {len(self.listed)} listed", "dim"))
        self.title_text.paint([spread(name, status, width), spread(said, line((self._place(), "dim")), width)])
        self.bar.show()

    def _place(self) -> str:
        """Return how much of the page is above the end of what is in sight."""
        end = self.first + self.body.size.height
        if not self.rows.has(end + 1):
            return "the end" if self.first else ""
        return f"{100 * self.rows.place_of(end) // sum(map(length, self.lines))} %, more below"

    # Keys

    def on_key(self) -> None:
        """Take away what was said last."""
        if self.note:
            self.note = BLANK
            self._draw_around()

    def action_page(self, step: int) -> None:
        """Move a page."""
        self.action_scroll(step * max(1, self.body.size.height - 1))

    def action_section(self) -> None:
        """Go to the next section; where nothing is left below, to the first."""
        at, before = self.rows.place_of(self.first), self.first
        place = next((start for start in self.starts if start > at), 0)
        self.first = self.rows.row_at(place) if place else 0
        self.action_scroll(0)
        if self.first == before:
            self.action_scroll(-before)

    def action_item(self, step: int) -> None:
        """Show the item above or below in the list, from the same section on."""
        index = min(max(self.index + step, 0), len(self.listed) - 1)
        if index != self.index:
            self.index = index
            self.look()
            self._draw_around()

    def action_copy(self) -> None:
        """Copy exactly what the item was answered, or what went wrong."""
        if self.story is None or not (text := answer_text(self.story)):
            self.say("it has no answer yet", "warn")
            return
        what = "answer" if self.story.ended and self.story.ended.outcome == "ok" else "error"
        self.board.copy(text)
        self.say(f"copied the beginning of the {what}" if is_cut(self.story) else f"copied the {what}", "ok")

    def action_copy_all(self) -> None:
        """Copy the whole page."""
        if self.sections:
            self.board.copy(page_text(self.sections))
            self.say("copied the whole page", "ok")

    def say(self, text: str, tone: Tone) -> None:
        """Say something below the title."""
        self.note = line((text, tone))
        self._draw_around()

    def action_close(self) -> None:
        """Go back to the list."""
        self.dismiss(self.index)

    def on_mouse_scroll_down(self) -> None:
        """Move down."""
        self.action_scroll(3)

    def on_mouse_scroll_up(self) -> None:
        """Move up."""
        self.action_scroll(-3)


def _read(
    source: Source, job: str, key: str, known: ItemStory | None, page: tuple[Section, ...]
) -> tuple[ItemStory | None, tuple[Section, ...]]:
    """Return an item and its page, the one that is known where nothing has changed; called on the source's thread."""
    story = source.item(job, key)
    if story is None or story == known:
        return story, page if story else ()
    try:
        return story, page_of(story, source.spec(job))
    except BatchtopError as error:
        return story, page_of(story, str(error))
