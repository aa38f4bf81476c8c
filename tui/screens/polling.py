"""Asks the source for something twice a second: one question at a time, asked on the source's own thread.

A screen with another one over it asks nothing: textual repaints everything for each message to a covered screen.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from ...engine.errors import BatchtopError
from ..courier import SourceThread
from ..messages import ReadFailed

T = TypeVar("T")

TICK_S: Final = 0.5


class Poll(Generic[T]):
    """Reads, and posts what was read, or why it could not be, to its screen."""

    def __init__(
        self, screen: Screen[None], thread: SourceThread, read: Callable[[], T], told: Callable[[T], Message]
    ) -> None:
        self._screen, self._thread = screen, thread
        self._read, self._told = read, told
        self._busy = self._wanted = False
        self._timer: Timer | None = None

    def start(self) -> None:
        """Read at once, and then twice a second."""
        self._timer = self._screen.set_interval(TICK_S, self.ask)
        self.ask()

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._timer is not None:
            self._timer.pause()

    def resume(self) -> None:
        """Read at once, and go on twice a second."""
        if self._timer is not None:
            self._timer.resume()
            self.ask_anew()

    def ask(self) -> None:
        """Read, unless a read is under way."""
        if not self._busy:
            self._busy = True
            self._screen.run_worker(self._run, group="poll", exit_on_error=False)

    def ask_anew(self) -> None:
        """Read what is there from now on: once more, if a read is under way."""
        self._wanted = self._busy
        self.ask()

    async def _run(self) -> None:
        try:
            self._screen.post_message(self._told(await self._thread.call(self._read)))
        except BatchtopError as error:
            self._screen.post_message(ReadFailed(str(error)))
        finally:
            self._busy = False
        if self._wanted:
            self._wanted = False
            self.ask()
