"""One job, live or ended: how it goes, what holds it back, and the dials that change it."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen

from ...engine.errors import BatchtopError
from ...engine.snapshot import JobState, Snapshot
from .. import format as say
from ..actions import bindings
from ..courier import Courier, Delivery
from ..exit import Exit, Left
from ..messages import Asked, Delivered, ReadFailed, SnapshotRead
from ..report import summary_text
from ..series import in_flight, is_live
from ..widgets.controls import Controls
from ..widgets.dials import preset_of
from ..widgets.errors import Errors
from ..widgets.eventlog import EventLog, event_text
from ..widgets.header import Header
from ..widgets.keybar import KeyBar
from ..widgets.lanes import Lanes
from ..widgets.latency import Latency
from ..widgets.numbers import Numbers
from ..widgets.throughput import Throughput
from ..widgets.toosmall import TooSmall
from .polling import Poll
from .presets import PresetScreen, values_of
from .question import Choice, Question, QuestionScreen

if TYPE_CHECKING:
    from ..app import Dashboard

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (24, "-short"), (34, "-tall"), (46, "-high")]
_LIVE_ONLY: Final = frozenset({"pause", "presets", "drain", "cancel", "dial", "step", "type", "choose"})
LEAVE = Choice("l", "leave running", "come back with `batchtop attach`")
DRAIN = Choice("d", "drain", "finish what is in flight, then stop")
CANCEL = Choice("x", "cancel job", "stop now, give up what is in flight")
YES_DRAIN = Choice("y", "drain", DRAIN.effect)
YES_CANCEL = Choice("y", "cancel job", CANCEL.effect)


class JobScreen(Screen[None], inherit_bindings=False):
    """Shows the snapshots of one job and sends what is asked of it."""

    CSS_PATH = "job.tcss"
    BINDINGS = bindings("job", "dials", "log")
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    snapshot: Snapshot | None = None
    leaving: Left | None = None
    """What the person chose on the way out, while the engine is still being told."""

    def __init__(self, job: str, app: "Dashboard") -> None:
        super().__init__(classes=f"-{app.charset}")
        self.job, self.board = job, app
        source, thread = app.source, app.thread
        self.courier = Courier(source, thread, job)
        self.poll = Poll(self, thread, lambda: source.snapshot(job), SnapshotRead)
        set_ = app.charset
        self.header = Header(charset=set_)
        self.panels = (Throughput(set_, id="throughput"), Latency(set_, id="latency"), Errors(set_, id="errors"))
        self.lanes, self.numbers = Lanes(charset=set_), Numbers(charset=set_)
        self.controls = Controls(set_, app.now, id="controls")
        self.log_view = EventLog(charset=set_)
        self.keys, self.too_small = KeyBar(charset=set_), TooSmall(charset=set_)

    def compose(self) -> ComposeResult:
        """Yield the header, four panels (or their numbers), the dials, the events and the keys."""
        yield self.header
        with Container(id="panels"):
            yield from self.panels
            with Vertical(id="lanes", classes="panel"):
                yield self.lanes
        yield self.numbers
        with Container(id="bottom"):
            yield self.controls
            with Vertical(id="events", classes="panel"):
                yield self.log_view
        yield self.keys
        yield self.too_small

    def on_mount(self) -> None:
        """Read at once, and then twice a second."""
        self.query_one("#events").border_title = "Events"
        self.poll.start()

    def on_screen_suspend(self) -> None:
        """Stand still under a question, the help or the palette."""
        self.poll.pause()

    def on_screen_resume(self) -> None:
        """Go on."""
        self.poll.resume()

    def on_resize(self) -> None:
        """Fill the key bar anew, once it has its size."""
        self.call_after_refresh(self._show_keys)

    # What is read

    def on_snapshot_read(self, message: SnapshotRead) -> None:
        """Show what was read."""
        if message.snapshot is None:
            self.header.fail(self.job, f"there is no job {self.job!r} in this workspace")
            return
        before, self.snapshot = self.snapshot, message.snapshot
        self.header.trouble = ""
        for part in (self.header, *self.panels, self.lanes, self.numbers, self.controls, self.log_view):
            part.show(self.snapshot)
        if before is None or before.job.state != self.snapshot.job.state:
            self._show_state(self.snapshot)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so, and how old the rest of the screen is; the next tick tries again."""
        age = "" if self.snapshot is None else f" (shown: {int(self.board.now() - self.snapshot.taken_at)} s old)"
        self.header.fail(self.job, f"{message.reason}{age}")

    def _show_state(self, snapshot: Snapshot) -> None:
        """Adapt titles and keys to whether the job is live."""
        self.query_one("#lanes").border_title = "Rate limits" if is_live(snapshot) else "Summary"
        self._show_keys()

    def _show_keys(self) -> None:
        paused = self.snapshot is not None and self.snapshot.job.state is JobState.PAUSED
        self.keys.show({"job.pause": "resume" if paused else "pause"})

    def on_descendant_focus(self) -> None:
        """Show the keys of the field that a value is typed into."""
        self._show_keys()

    def on_descendant_blur(self) -> None:
        """Show the keys of the screen again."""
        self._show_keys()

    # What is asked of the engine

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's name
        """Return whether a key does something now: dials need a live job, and typing needs its keys for itself."""
        if self.controls.typing:
            return action not in _LIVE_ONLY and action not in {"back", "copy", "log", "log_follow"}
        return action not in _LIVE_ONLY or (self.snapshot is not None and is_live(self.snapshot))

    def tell(self, verb: str, args: Mapping[str, object]) -> None:
        """Send a command; its answer comes back as `Delivered`."""
        self.courier.put(verb, args)
        deliver = partial(self.courier.run, lambda delivery: self.post_message(Delivered(delivery)))
        self.run_worker(deliver, group="courier", exit_on_error=False)

    def on_asked(self, message: Asked) -> None:
        """Send what the controls ask."""
        self.tell(message.verb, message.args)

    def on_delivered(self, message: Delivered) -> None:
        """Show what became of a command, and read what it did."""
        got = message.delivery
        self.controls.answered(got.verb, got.args, applied=got.applied, message=got.message)
        if self.leaving is not None and got.verb in {"drain", "cancel"}:
            self._left(got)
        self.poll.ask_anew()

    def _left(self, delivery: Delivery) -> None:
        """Leave when the engine took what was chosen on the way out; else stay and say why."""
        left, self.leaving = self.leaving, None
        if left is not None and delivery.applied:
            self.board.exit(Exit(left, self.job, delivery.message))

    # Keys

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
        paused = self.snapshot is not None and self.snapshot.job.state is JobState.PAUSED
        self.tell("resume" if paused else "pause", {})

    async def action_presets(self) -> None:
        """Open the preset picker."""
        if self.snapshot is None:
            return
        try:
            presets = await self.board.thread.call(self.board.presets)
        except BatchtopError as error:
            self.controls.say(str(error), "error")
            return
        in_force = preset_of(self.snapshot)

        def load(label: str | None) -> None:
            if label is not None:
                self.controls.load(label, values_of(presets, label))

        self.board.push_screen(PresetScreen(presets, self.controls.settings, in_force, self.board.charset), load)

    def action_drain(self) -> None:
        """Ask whether to drain."""
        self._ask("Drain this job?", (YES_DRAIN,), {"y": "drain"})

    def action_cancel(self) -> None:
        """Ask whether to cancel."""
        self._ask("Cancel this job?", (DRAIN, YES_CANCEL), {"y": "cancel", "d": "drain"})

    def _ask(self, title: str, choices: tuple[Choice, ...], verbs: Mapping[str, str]) -> None:
        def answered(key: str | None) -> None:
            if key is not None and key in verbs:
                self.tell(verbs[key], {})

        self.board.push_screen(QuestionScreen(Question(title, self._about(), choices), self.board.charset), answered)

    def _about(self) -> tuple[str, str]:
        left, flying = (0, 0) if self.snapshot is None else (self.snapshot.job.left, in_flight(self.snapshot))
        batches = "1 batch" if flying == 1 else f"{say.count(flying)} batches"
        state = f"{say.plural(left, 'item')} left, {batches} in flight."
        return state, "Whatever you choose, the job can be continued later."

    def ask_quit(self) -> None:
        """Leave at once when the job has ended; else ask what becomes of it."""
        if self.snapshot is None or not is_live(self.snapshot):
            left = Left.RUNNING if self.snapshot is None else Left.ENDED
            self.board.exit(Exit(left, self.job))
            return
        question = Question("Quit", self._about(), (LEAVE, DRAIN, CANCEL))
        self.board.push_screen(QuestionScreen(question, self.board.charset), self._quit)

    def _quit(self, key: str | None) -> None:
        if key == LEAVE.key:
            self.board.exit(Exit(Left.RUNNING, self.job))
        elif key in {DRAIN.key, CANCEL.key}:
            self.leaving = Left.DRAINING if key == DRAIN.key else Left.CANCELLED
            self.controls.say("telling the engine …", "warn")
            self.tell("drain" if key == DRAIN.key else "cancel", {})

    def action_back(self) -> None:
        """Go to the list of jobs."""
        self.board.open_jobs(self.job)

    def action_log(self, step: int) -> None:
        """Mark an older or a newer event."""
        self.log_view.move(step)
        marked = self.log_view.marked is not None
        self.query_one("#events").border_title = "Events (y copies, End follows)" if marked else "Events"

    def action_log_follow(self) -> None:
        """Follow the newest events."""
        self.log_view.follow()
        self.action_log(0)

    def action_copy(self) -> None:
        """Copy the marked event, or else the summary, through the terminal."""
        if self.snapshot is None:
            return
        event = self.log_view.marked_event()
        self.board.copy_to_clipboard(event_text(event) if event else summary_text(self.snapshot))
        self.controls.say("copied the event" if event else "copied a summary", "ok")
