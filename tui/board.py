"""What the screens need of the app they stand in."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from textual.screen import ModalScreen, Screen

from ..engine.presets import Preset
from .courier import SourceThread
from .exit import Exit
from .glyphs import Charset
from .ranges import Range
from .source import Source

T = TypeVar("T")


class Board(Protocol):
    """Holds what outlives a screen: the source, the way to the engine, and the way to other screens."""

    source: Source
    thread: SourceThread
    presets: Callable[[], Mapping[str, Preset]]
    now: Callable[[], float]
    charset: Charset
    range: Range
    """How much time the charts show, for every job until the dashboard closes."""

    def tell(self, job: str, verb: str, args: Mapping[str, object]) -> None:
        """Send a command; its answer comes to the screen that is open then, as `Delivered`."""
        ...

    def open_job(self, name: str) -> None:
        """Show a job instead of the list."""
        ...

    def open_history(self, name: str) -> None:
        """Show the changes of a job's settings instead of the job."""
        ...

    def open_failures(self, name: str) -> None:
        """Show what failed in a job instead of the job."""
        ...

    def open_jobs(self, marked: str) -> None:
        """Show the list instead of a job, with that job marked."""
        ...

    def ask(self, screen: ModalScreen[T], answered: Callable[[T | None], None]) -> None:
        """Show a question over the screen, and pass its answer on."""
        ...

    async def act(self, action: str, screen: Screen[None]) -> None:
        """Do an action of a screen before its next key is looked at."""
        ...

    def copy(self, text: str) -> None:
        """Copy a text through the terminal."""
        ...

    def leave(self, choice: Exit) -> None:
        """Close the dashboard."""
        ...
