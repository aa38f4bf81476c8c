"""One job, live or ended: how it goes, what holds it back, and the dials that change it."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message

from ...engine.errors import BatchtopError
from ...engine.snapshot import JobState, Snapshot
from ..actions import bindings
from ..board import Board
from ..exit import Exit, Left
from ..messages import Asked, Delivered, ReadFailed, SnapshotRead
from ..ranges import stepped
from ..report import summary_text
from ..series import is_live
from ..widgets.controls import Controls
from ..widgets.dials import preset_of
from ..widgets.errors import Errors
from ..widgets.eventlog import EventLog, event_text
from ..widgets.header import Header
from ..widgets.lanes import Lanes
from ..widgets.latency import Latency
from ..widgets.numbers import Numbers
from ..widgets.throughput import Throughput
from ..widgets.timewent import TimeWent
from ..widgets.toosmall import LEAST
from .polling import PollingScreen
from .presets import PresetScreen, values_of
from .question import Choice, Question, QuestionScreen
from .stopping import LEAVE, cancelling, draining, quitting

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (24, "-short"), (34, "-tall"), (46, "-high")]
_DIALS: Final = frozenset({"dial", "step", "type", "choose", "undo"})
_LIVE_ONLY: Final = _DIALS | {"pause", "presets", "retest", "drain", "cancel"}
_NOT_TYPING: Final = _LIVE_ONLY | {"back", "copy", "failures", "history", "log", "log_follow"}
_LEFT: Final = {"drain": Left.DRAINING, "cancel": Left.CANCELLED}


class JobScreen(PollingScreen, inherit_bindings=False):
    """Shows the snapshots of one job and sends what is asked of it."""

    CSS_PATH = "job.tcss"
    PLACES = ("job", "dials", "log")
    BINDINGS = bindings(*PLACES)
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    snapshot: Snapshot | None = None
    leaving: str = ""
    """The command chosen on the way out, while the engine is still being told."""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(board)
        self.job = job
        set_ = board.charset
        self.header = Header(charset=set_)
        self.panels = (Throughput(set_, id="throughput"), Latency(set_, id="latency"), Errors(set_, id="errors"))
        self.time_went = TimeWent(charset=set_)
        self.lanes, self.numbers = Lanes(charset=set_), Numbers(charset=set_)
        self.controls = Controls(set_, board.now, id="controls")
        self.log_view = EventLog(charset=set_)

    def compose(self) -> ComposeResult:
        """Yield the header, five panels (or their numbers), the dials, the events and the keys."""
        yield self.header
        with Container(id="panels"):
            yield from self.panels
            with Vertical(id="time", classes="panel") as time:
                time.border_title = "Where the time went"
                yield self.time_went
            with Vertical(id="lanes", classes="panel"):
                yield self.lanes
        yield self.numbers
        with Container(id="bottom"):
            yield self.controls
            with Vertical(id="events", classes="panel") as log:
                log.border_title = "Events"
                yield self.log_view
        yield self.keys
        yield self.too_small

    # What is read

    def read(self) -> Message:
        """Return the job as it stands; called on the source's thread."""
        return SnapshotRead(self.board.source.snapshot(self.job, self.board.range.seconds))

    def on_snapshot_read(self, message: SnapshotRead) -> None:
        """Show what was read."""
        if message.snapshot is None:
            self.header.fail(self.job, f"there is no job {self.job!r} in this workspace")
            return
        before, self.snapshot = self.snapshot, message.snapshot
        self.header.trouble, self.header.limit = "", not self.time_went.size
        for part in (
            self.header, *self.panels, self.time_went, self.lanes, self.numbers, self.controls, self.log_view
        ):  # fmt: skip
            part.show(self.snapshot)
        if self.snapshot.course and not self.snapshot.course.whole:
            self.poll.ask_anew()
        if before is None or _standing(before) != _standing(self.snapshot):
            live = is_live(self.snapshot)
            self.set_class(not live, "-over")
            self.query_one("#lanes").border_title = "Rate limits" if live else "Summary"
            self.show_keys()

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so, and how old the rest of the screen is; the next tick tries again."""
        age = "" if self.snapshot is None else f" (shown: {int(self.board.now() - self.snapshot.taken_at)} s old)"
        self.header.fail(self.job, f"{message.reason}{age}")

    def show_keys(self) -> None:
        """Fill the key bar anew."""
        self.keys.show({"job.pause": self._pause_verb()})

    def _pause_verb(self) -> str:
        paused = self.snapshot is not None and self.snapshot.job.state is JobState.PAUSED
        return "resume" if paused else "pause"

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def show_keys_of_field(self) -> None:
        """Show the keys of the field that a value is typed into, or those of the screen again."""
        self.show_keys()

    # What is asked of the engine

    def does(self, action: str) -> bool:
        """Return whether a key does something now: dials need a live job, and typing needs its keys for itself."""
        if action in {"back", "failures", "history"} and self.leaving:
            return False
        if self.controls.typing:
            return action not in _NOT_TYPING
        live = self.snapshot is not None and is_live(self.snapshot)
        return action not in _LIVE_ONLY or (live and (action != "retest" or _closed(self.snapshot)))

    def tell(self, verb: str) -> None:
        """Send a command that has no arguments."""
        self.board.tell(self.job, verb, {})

    def on_asked(self, message: Asked) -> None:
        """Send what the controls ask."""
        self.board.tell(self.job, message.verb, message.args)

    def on_delivered(self, message: Delivered) -> None:
        """Show what became of a command, and read what it did."""
        got = message.delivery
        if message.job != self.job:
            self.controls.say(message.text, message.tone)
            return
        self.controls.answered(got.verb, got.args, applied=got.applied, message=got.message)
        if got.verb == self.leaving:
            self.leaving = ""
            if got.applied:
                self.board.leave(Exit(_LEFT[got.verb], self.job, got.message))
        self.poll.ask_anew()

    # Keys

    async def on_key(self, event: events.Key) -> None:
        """Take away what was said last, and do what the key means now: keys may come faster than focus moves."""
        if not self.leaving:
            self.controls.hush()
        active = self.active_bindings.get(event.key)
        if self.controls.typing and (event.is_printable or event.key == "enter"):
            self.controls.catch(event)
        elif active and active.enabled and active.node is self:
            event.stop()
            await self.board.act(active.binding.action, self)

    def on_resize(self) -> None:
        """Close the field when it goes out of sight: hidden, it would keep its keys from the screen."""
        if self.controls.typing and (self.size.width < LEAST[0] or self.size.height < LEAST[1]):
            self.controls.leave()

    def action_dial(self, step: Literal[-1, 1]) -> None:
        """Choose the dial above or below."""
        self.controls.move(step)

    def action_choose(self, key: str) -> None:
        """Choose a dial by name."""
        self.controls.choose(key)

    def action_step(self, direction: Literal[-1, 1]) -> None:
        """Move the chosen dial one step."""
        self.controls.step(direction)

    def action_type(self) -> None:
        """Open the field for a value."""
        self.controls.type()

    def action_pause(self) -> None:
        """Pause, or resume what is paused."""
        self.tell(self._pause_verb())

    def action_retest(self) -> None:
        """Try keys again that were refused or given up."""
        self.tell("retest")

    async def action_presets(self) -> None:
        """Open the preset picker."""
        if self.snapshot is None:
            return
        try:
            presets = await asyncio.to_thread(self.board.presets)
        except BatchtopError as error:
            self.controls.say(str(error), "error")
            return
        in_force = preset_of(self.snapshot)

        def load(label: str | None) -> None:
            if label is not None:
                self.controls.load(label, values_of(presets, label))

        self.board.ask(PresetScreen(presets, self.controls.settings, in_force, self.board.charset), load)

    def action_drain(self) -> None:
        """Ask whether to drain."""
        self._ask(draining)

    def action_cancel(self) -> None:
        """Ask whether to cancel."""
        self._ask(cancelling)

    def _ask(self, question: Callable[[Snapshot], Question]) -> None:
        def answered(choice: Choice | None) -> None:
            if choice is not None and choice.verb:
                self.tell(choice.verb)

        if self.snapshot is not None:
            self.board.ask(QuestionScreen(question(self.snapshot), self.board.charset), answered)

    def ask_quit(self) -> None:
        """Leave at once when the job has ended, or is no business of this dashboard; else ask what becomes of it."""
        live = self.snapshot is None or is_live(self.snapshot)
        if self.snapshot is None or not live or self.board.read_only:
            self.board.leave(Exit(Left.RUNNING if live else Left.ENDED, self.job))
            return
        self.board.ask(QuestionScreen(quitting(self.snapshot), self.board.charset), self._quit)

    def _quit(self, choice: Choice | None) -> None:
        if choice == LEAVE:
            self.board.leave(Exit(Left.RUNNING, self.job))
        elif choice is not None and choice.verb:
            self.leaving = choice.verb
            self.controls.say("telling the engine …", "warn")
            self.tell(choice.verb)

    def action_back(self) -> None:
        """Go to the list of jobs."""
        self.board.open("jobs", self.job)

    def action_undo(self) -> None:
        """Undo the newest change of settings that is not undone yet."""
        self.controls.undo()

    def action_history(self) -> None:
        """Show the changes of settings."""
        self.board.open("history", self.job)

    def action_failures(self) -> None:
        """Show what failed."""
        self.board.open("failures", self.job)

    def action_log(self, step: int) -> None:
        """Mark an older or a newer event."""
        self.log_view.move(step)
        marked = self.log_view.marked is not None
        self.query_one("#events").border_title = "Events (y copies, End follows)" if marked else "Events"

    def action_log_follow(self) -> None:
        """Follow the newest events."""
        self.log_view.follow()
        self.action_log(0)

    def action_range(self, step: Literal[-1, 1]) -> None:
        """Let the charts show more time, or less."""
        self.board.range = stepped(self.board.range, step)
        self.controls.say(f"charts: {self.board.range.words}", "ok")
        self.poll.ask_anew()

    def action_copy(self) -> None:
        """Copy the marked event, or else the summary, through the terminal."""
        if self.snapshot is None:
            return
        event = self.log_view.marked_event()
        self.board.copy(event_text(event) if event else summary_text(self.snapshot))
        self.controls.say("copied the event" if event else "copied a summary", "ok")


def _standing(snapshot: Snapshot) -> tuple[JobState, bool, bool]:
    """Return what titles and keys depend on."""
    return snapshot.job.state, is_live(snapshot), _closed(snapshot)


def _closed(snapshot: Snapshot | None) -> bool:
    """Return whether a key was refused or given up, so that it may be tested again."""
    return snapshot is not None and any(lane.state in {"refused", "broken"} for lane in snapshot.lanes)
