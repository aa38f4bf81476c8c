"""Asks the source for something again and again: one question at a time, asked on the source's own thread.

A screen with another one over it asks nothing: textual repaints everything for each message to a covered screen.
"""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from ...engine.errors import BatchtopError
from ..actions import of
from ..board import Board
from ..keys import Where
from ..messages import ReadFailed
from ..widgets.keybar import KeyBar
from ..widgets.toosmall import TooSmall


class Poll:
    """Reads, and posts what was read, or why it could not be, to its screen."""

    def __init__(self, screen: Screen[None], board: Board, read: Callable[[], Message]) -> None:
        self._screen, self._board, self._read = screen, board, read
        self._busy = self._wanted = False
        self._timer: Timer | None = None
        self.shown = asyncio.Event()
        """Whether the first read is on its screen."""

    def start(self) -> None:
        """Read at once, and then every `refresh_s`, as long as the terminal takes what is drawn."""
        self._timer = self._screen.set_interval(self._board.refresh_s, self._ask_in_time)
        self.ask()

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._timer is not None:
            self._timer.pause()

    def resume(self) -> None:
        """Read at once, and go on."""
        if self._timer is not None:
            self._timer.resume()
            self.ask_anew()

    def _ask_in_time(self) -> None:
        if not self._board.behind:
            self.ask()

    def ask(self) -> None:
        """Read, unless a read is under way."""
        if not self._busy:
            self._busy = True
            self._screen.run_worker(self._run, group="poll")

    def ask_anew(self) -> None:
        """Read what is there from now on: once more, if a read is under way."""
        self._wanted = self._busy
        self.ask()

    async def _run(self) -> None:
        try:
            self._screen.post_message(await self._board.thread.call(self._read))
        except BatchtopError as error:
            self._screen.post_message(ReadFailed(str(error)))
        finally:
            self._busy = False
        if not self.shown.is_set():
            self._screen.call_after_refresh(self.shown.set)
        if self._wanted:
            self._wanted = False
            self.ask()


class PollingScreen(Screen[None], inherit_bindings=False):
    """A screen that shows what `read` finds, and stands still while another one covers it."""

    PLACES: ClassVar[tuple[Where, ...]] = ()
    """Where its keys stand in the table of actions."""

    def __init__(self, board: Board) -> None:
        super().__init__(classes=f"-{board.charset}")
        self.board = board
        self._writing = frozenset(action.method.partition("(")[0] for action in of(*self.PLACES) if action.writes)
        self.poll = Poll(self, board, self.read)
        self.keys, self.too_small = KeyBar(charset=board.charset), TooSmall(charset=board.charset)

    def on_compose(self) -> None:
        """Fit the size before the first layout: textual sees to it after that, and lays all out anew."""
        self.fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - any app

    def fit(self, size: Size) -> None:
        """Have the classes of a size."""
        for cells, steps in zip(size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True):
            reached = [name for least, name in sorted(steps or ()) if cells >= least]
            for _, name in steps or ():
                self.set_class(name in reached[-1:], name)

    def on_mount(self) -> None:
        """Read at once, and then every `refresh_s`."""
        self.poll.start()

    def on_screen_suspend(self) -> None:
        """Stand still under a question, the help or the palette."""
        self.poll.pause()

    def on_screen_resume(self) -> None:
        """Go on."""
        self.poll.resume()

    def on_resize(self) -> None:
        """Fill the key bar anew, once it has its size."""
        self.call_after_refresh(self.show_keys)

    def show_keys(self) -> None:
        """Fill the key bar anew."""
        self.keys.show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's name
        """Return whether a key does something now."""
        return self.does(action) and not (self.board.read_only and action in self._writing)

    def does(self, action: str) -> bool:  # noqa: ARG002 - for those that follow
        """Return whether an action of this screen has something to do now."""
        return True

    def read(self) -> Message:
        """Return what is to be shown; called on the source's thread."""
        raise NotImplementedError
