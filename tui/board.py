"""What the screens need of the app they stand in."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeAlias, TypeVar

from textual.screen import ModalScreen, Screen

from ..engine.presets import Preset
from .exit import Exit
from .figures.ranges import Range
from .newjob.workbench import Workbench
from .reads.courier import SourceThread
from .reads.source import Source
from .words.glyphs import Charset

T = TypeVar("T")

Place: TypeAlias = Literal["jobs", "job", "failures", "history", "lanes", "results", "wizard"]
"""A screen that another may lead to."""


class Board(Protocol):
    """Holds what outlives a screen: the source, the way to the engine, and the way to other screens."""

    source: Source
    thread: SourceThread
    presets: Callable[[], Mapping[str, Preset]]
    now: Callable[[], float]
    charset: Charset
    range: Range
    """How much time the charts show, for every job until the dashboard closes."""
    heat: bool
    """Whether latency is shown as a heat map, as long."""
    refresh_s: float
    """From one read of what is shown to the next."""
    read_only: bool
    """Whether nothing is asked of an engine, and no file is written."""

    workbench: Workbench | None
    """What checks and starts new jobs; without it there are none."""

    @property
    def behind(self) -> bool:
        """Whether the terminal is slower than what is drawn on it, so that more would only be seen later."""
        ...

    def tell(self, job: str, verb: str, args: Mapping[str, object]) -> None:
        """Send a command; its answer comes to the screen that is open then, as `Delivered`."""
        ...

    def open(self, place: Place, job: str = "") -> None:
        """Show another screen instead of this one; the list of jobs marks `job`, every other is about it."""
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
