"""The dashboard: a list of jobs, one job's screen over it, and what holds everywhere."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from select import select
from typing import ClassVar, Final, TypeVar

from rich.console import RenderableType
from textual.app import App, SystemCommand
from textual.screen import ModalScreen, Screen
from textual.types import CSSPathType
from textual.worker import WorkerFailed

from ..engine.errors import BatchtopError
from ..engine.presets import Preset, load_presets
from ..engine.snapshot import WINDOW_S
from .actions import ACTIONS, bindings
from .board import Board, Place
from .calling import Calling
from .exit import Exit, Left
from .figures.ranges import DEFAULT
from .habits import USUAL, Habits
from .keys import Action
from .messages import Delivered, JobsRead, SnapshotRead
from .newjob.workbench import Workbench
from .reads.courier import ANSWER_S, Courier, Delivery, SourceThread
from .reads.source import Source
from .screens.failures import FailuresScreen
from .screens.help import HelpScreen
from .screens.history import HistoryScreen
from .screens.job import JobScreen
from .screens.jobs import JobsScreen
from .screens.lanes import LanesScreen
from .screens.polling import PollingScreen
from .screens.results import ResultsScreen
from .screens.wizard import WizardScreen
from .themes import THEMES, default_theme
from .words.glyphs import Charset, charset
from .words.line import TONES

T = TypeVar("T")

STILL_S: Final = 0.2
"""At most so long a screen that is opened waits for its first read before it is drawn: once, with all that it shows."""
LOOK_S: Final = 5.0
"""So often somebody is looked out for who is to be called, where the screen itself does not read what that takes."""

_SCREENS: Final[Mapping[Place, Callable[[str, Board], Screen[None]]]] = {
    "jobs": JobsScreen,
    "job": JobScreen,
    "failures": FailuresScreen,
    "history": HistoryScreen,
    "lanes": LanesScreen,
    "results": ResultsScreen,
    "wizard": WizardScreen,
}


class Dashboard(App[Exit], inherit_bindings=False):
    """Shows jobs of one source. It never runs one: closing it, or losing it, leaves them as they are."""

    TITLE = "batchtop"
    AUTO_FOCUS = None
    BINDINGS = bindings("anywhere")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}
    CSS_PATH: ClassVar[CSSPathType | None] = sorted(Path(__file__).parent.rglob("*.tcss"))
    """Every sheet from the start: for one that comes with its screen, textual parses and applies all of them anew."""

    def __init__(
        self,
        source: Source,
        *,
        job: str | None = None,
        workbench: Workbench | None = None,
        presets: Callable[[], Mapping[str, Preset]] = load_presets,
        habits: Habits = USUAL,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ansi_color=True if "NO_COLOR" in environment else None)
        self.source, self.first_job, self.presets, self.now = source, job, presets, now
        self.charset: Charset = charset(environment, ascii_only=habits.ascii_only)
        self.thread, self.range, self.workbench = SourceThread(), DEFAULT, workbench
        self.heat = False
        self.couriers: dict[str, Courier] = {}
        self.shown, self.read_only, self.refresh_s = job, habits.read_only, habits.refresh_s
        self.keymap = dict(habits.keymap)
        self.calling, self._looked = Calling(habits, environment, now(), self._write), False
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        self.set_reactive(App.theme, "textual-dark")  # textual looked for TEXTUAL_THEME before ours were there
        self.theme = default_theme(environment, habits.theme)

    def on_mount(self) -> None:
        """Open the job asked for, or the list of all."""
        self.set_keymap(self.keymap)
        self.push_screen(_SCREENS["jobs" if self.first_job is None else "job"](self.first_job or "", self))
        self.run_worker(self._look_out(), group="calling")

    def open(self, place: Place, job: str = "") -> None:
        """Show another screen instead. Never both: a screen that lies below another is still painted."""
        self.shown = None if place in {"jobs", "wizard"} else job
        screen, still = _SCREENS[place](job, self), ExitStack()
        still.enter_context(self.batch_update())
        switched = self.switch_screen(screen)  # pyright: ignore[reportUnknownMemberType] - textual leaves a result's type open
        self.run_worker(self._hold_still(still, screen, switched), group="opening")

    async def _hold_still(self, still: ExitStack, screen: Screen[None], switched: Awaitable[None]) -> None:
        """Draw nothing until the screen that is opened has something to show: it would be drawn four times over."""
        with still, suppress(TimeoutError):
            await switched
            if isinstance(screen, PollingScreen):
                await asyncio.wait_for(screen.poll.shown.wait(), STILL_S)

    def ask(self, screen: ModalScreen[T], answered: Callable[[T | None], None]) -> None:
        """Show a question over the screen, and pass its answer on."""
        self.push_screen(screen, answered)

    def copy(self, text: str) -> None:
        """Copy a text through the terminal."""
        self.copy_to_clipboard(text)

    def leave(self, choice: Exit) -> None:
        """Close the dashboard, which then returns this choice."""
        self.exit(choice)

    @property
    def behind(self) -> bool:
        """Whether the terminal is slower than what is drawn on it, so that more would only be seen later."""
        terminal = None if self.is_headless else sys.__stderr__  # which is where textual draws
        with suppress(OSError, ValueError):  # closed: somebody else ends the dashboard for that
            return terminal is not None and not select([], [terminal], [], 0)[1]
        return False

    def interrupt(self) -> None:
        """Close the dashboard because of a signal, or for want of a terminal; the jobs go on."""
        self.leave(Exit(Left.INTERRUPTED, self.shown))

    # ── what is read, by whatever screen, may be worth a call ──

    def on_snapshot_read(self, message: SnapshotRead) -> None:
        """Call the person for what is new of a job."""
        self._looked = self.shown is not None
        if message.snapshot is not None:
            self.calling.job(message.snapshot)

    def on_jobs_read(self, message: JobsRead) -> None:
        """Call the person for jobs that have ended."""
        self._looked = self.shown is None
        self.calling.jobs(message.jobs.rows)

    async def _look_out(self) -> None:
        """Look at what is shown where the screen does not, as its history, an item, or a question; nothing is drawn."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._looked:
                with suppress(BatchtopError):  # the screen that reads says so
                    await self._look()
            self._looked = False

    async def _look(self) -> None:
        if self.shown is None:
            self.calling.jobs((await self.thread.call(self.source.jobs)).rows)
        elif snapshot := await self.thread.call(self.source.snapshot, self.shown, WINDOW_S):
            self.calling.job(snapshot)

    def _write(self, text: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(text)

    # ── when it breaks: Textual would draw the traceback, with what every variable holds, over the terminal ──

    @property
    def failure(self) -> BaseException | None:
        """What broke the dashboard."""
        return self._exception.error if isinstance(self._exception, WorkerFailed) else self._exception

    def panic(self, *_: RenderableType) -> None:
        """Close the dashboard; where there is no `failure`, its terminal can't be read any more."""
        self._close_messages_no_wait()

    def _fatal_error(self) -> None:
        self.panic()

    def tell(self, job: str, verb: str, args: Mapping[str, object]) -> None:
        """Send a command; its answer comes to the screen that is open then, as `Delivered`."""
        if self.read_only:
            return
        courier = self.couriers.get(job)
        if courier is None:
            courier = Courier(self.source, self.thread, job, partial(self._delivered, job))
            self.couriers[job] = courier
        courier.put(verb, args)
        self.run_worker(courier.done(), group="courier")  # a worker only so that what breaks in it is seen

    def _delivered(self, job: str, delivery: Delivery) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, PollingScreen):
                screen.post_message(Delivered(job, delivery))

    async def on_unmount(self) -> None:
        """Deliver what was asked last, and let the source go."""
        await asyncio.gather(*(courier.stop(ANSWER_S) for courier in self.couriers.values()))
        self.thread.close(self.source)

    def action_help(self) -> None:
        """Show every key."""
        self.push_screen(HelpScreen(self.charset, self.keymap))

    def action_ask_quit(self) -> None:
        """Leave; a live job's screen asks first."""
        if isinstance(self.screen, JobScreen):
            self.screen.ask_quit()
        else:
            self.leave(Exit(Left.RUNNING, self.shown))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield what the palette offers on a screen: what its keys do now, and the themes."""
        bound = {active.binding.id for active in screen.active_bindings.values()}
        for action in ACTIONS:
            if action.in_palette and action.id in bound:
                yield SystemCommand(action.label, action.help, partial(self._do, action, screen))
        yield SystemCommand(
            "theme", "other colours; ansi-dark and ansi-light are the terminal's own", self.search_themes
        )

    async def act(self, action: str, screen: Screen[None]) -> None:
        """Do an action of a screen before its next key is looked at."""
        await self.run_action(action, screen)

    async def _do(self, action: Action, screen: Screen[object]) -> None:
        await self.run_action(action.method, self if action.where == "anywhere" else screen)
