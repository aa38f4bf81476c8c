"""Opens the dashboard on a fake source, presses keys, and reads the screen as text."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from batchtop.tui.app import Dashboard
from batchtop.tui.exit import Exit
from batchtop.tui.habits import Habits
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen
from textual.pilot import Pilot

from .fake_source import PRESETS, START, FakeSource

TIMEOUT_S = 10.0


@dataclass
class Driver:
    """One open dashboard."""

    app: Dashboard
    pilot: Pilot[Exit]
    source: FakeSource

    def text(self) -> str:
        """Return what the screen shows."""
        strips = self.app.screen._compositor.render_strips()
        return "".join("".join(segment.text for segment in strip).rstrip() + "\n" for strip in strips)

    def line(self, pattern: str) -> str:
        """Return the first line that matches."""
        return next((line for line in self.text().splitlines() if re.search(pattern, line)), "")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, told: Callable[[], object]) -> None:
        """Wait until something is true; fail with the screen's text when it never is."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not told():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"never happened; the screen shows:\n{self.text()}") from None

    async def until_shown(self, pattern: str) -> None:
        await self.until(lambda: re.search(pattern, self.text()))

    async def read_again(self) -> None:
        """Have the job's screen read, and wait until it did."""
        assert isinstance(self.app.screen, JobScreen)
        before = self.source.reads
        self.app.screen.poll.ask_anew()
        await self.until(lambda: self.source.reads > before)
        await self.pilot.pause()


@asynccontextmanager
async def dashboard(
    source: FakeSource | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    job: str | None = "reviews",
    **options: object,
) -> AsyncIterator[Driver]:
    """Open the dashboard and wait until it shows what it was opened for."""
    source = source or FakeSource()
    habits = Habits(**{name: options.pop(name) for name in Habits.__slots__ if name in options})  # type: ignore[arg-type]
    settings = {"presets": lambda: PRESETS, "environment": {}, "now": lambda: START, "habits": habits, **options}
    app = Dashboard(source, job=job, **settings)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot, source)
        await driver.until(lambda: opened(app))
        await pilot.pause()
        yield driver


def opened(app: Dashboard) -> bool:
    """Return whether the first screen shows what was read, or why it could not be."""
    if isinstance(app.screen, JobScreen):
        return app.screen.snapshot is not None or bool(app.screen.header.trouble)
    return isinstance(app.screen, JobsScreen) and bool(app.screen.found or app.screen.note)
