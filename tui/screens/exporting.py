"""The items of a cause of failures on their way into a file of their own, beside what else the screen does."""

import asyncio
from pathlib import Path

from ...engine.errors import BatchtopError
from ...engine.failures import Group
from ...engine.text import clean
from ..reads.saving import Saving
from ..words import format as say
from ..words.line import Line, line, spread
from .listing import ListScreen


class Exporting:
    """Writes one cause at a time to the folder in which the dashboard was started."""

    def __init__(self, screen: ListScreen) -> None:
        self._screen = screen
        self._saving: Saving | None = None

    @property
    def under_way(self) -> bool:
        """Whether a cause is being written."""
        return self._saving is not None

    def start(self, group: Group) -> None:
        """Write a cause, unless one is being written."""
        if self._saving is None:
            self._saving = Saving(group.items)
            self._screen.run_worker(self._run(group, self._saving), group="export")
            self._screen.draw_around()

    def stop(self) -> None:
        """Write no more; what there is of the file goes."""
        if self._saving is not None:
            self._saving.given_up.set()

    def told(self, width: int) -> Line:
        """Return how far it is."""
        if self._saving is None:
            return ()
        written = f"exporting: {say.count(self._saving.written)} of {say.plural(self._saving.items, 'item')}"
        return spread(line((written, "one")), line(("esc stops it", "dim")), width)

    async def _run(self, group: Group, saving: Saving) -> None:
        screen = self._screen
        try:
            path = await asyncio.to_thread(screen.board.source.export, screen.job, group, Path(), saving)
            told = line((f"✓ {say.plural(saving.written, 'item')} in {clean(str(path.absolute()))}", "ok"))
        except BatchtopError as error:
            why = "export stopped, nothing was written" if saving.given_up.is_set() else f"✕ {clean(str(error))}"
            told = line((why, "warn"))
        self._saving, screen.note = None, told
        screen.draw_around()
