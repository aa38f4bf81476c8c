"""One job, live or ended: how it goes, what holds it back, and the dials that change it."""

from typing import Final, Literal

from textual import events, on

from ...engine.snapshot import JobState, Snapshot
from ..actions import bindings
from ..figures.ranges import stepped
from ..figures.series import STALE_S, is_live
from ..messages import Delivered, ReadFailed, SnapshotRead
from ..widgets.eventlog import event_text
from ..widgets.header import Said
from ..widgets.toosmall import LEAST
from ..words.report import summary_text
from .panels import PanelScreen

_LIVE_ONLY: Final = frozenset({"step", "type", "choose", "undo", "pause", "presets", "retest", "drain", "cancel"})
_PAGES: Final = frozenset({"back", "failures", "history", "lanes", "results"})
_NOT_TYPING: Final = _LIVE_ONLY | _PAGES | {"dial", "save", "view", "copy", "log", "log_follow", "past", "leap"}


class JobScreen(PanelScreen, inherit_bindings=False):
    """Shows the snapshots of one job and sends what is asked of it."""

    PLACES = ("job", "dials", "log")
    BINDINGS = bindings(*PLACES)

    shown: Snapshot | None = None
    """What the numbers tell of: the job as it stands, or as it stood."""

    def on_mount(self) -> None:
        """Look every second how old the numbers are, as a read may hang."""
        self._aging = self.set_interval(1.0, self._tell_age)

    def on_screen_suspend(self) -> None:
        """Stand still below another screen."""
        self._aging.pause()

    def on_screen_resume(self) -> None:
        """Look again."""
        self._aging.resume()

    def on_resize(self) -> None:
        """Close the field when it goes out of sight: hidden, it would keep its keys."""
        if self.controls.typing and (self.size.width < LEAST[0] or self.size.height < LEAST[1]):
            self.controls.leave()
        self.call_after_refresh(lambda: self._say(self.header.said.trouble))

    # What is read

    def on_snapshot_read(self, message: SnapshotRead) -> None:
        """Show what was read."""
        if message.snapshot is None:
            self.header.fail(self.job, f"there is no job {self.job!r} in this workspace")
            return
        self.pausing.read()
        then, told = message.then, self._tells_nothing_new(message.snapshot, message.then)
        self.snapshot = message.snapshot
        before, self.shown = self.shown, then or self.snapshot
        self._say()
        if told:
            return
        self.draw(self.snapshot, then)
        if self.snapshot.course and not self.snapshot.course.whole:
            self.poll.ask_anew()
        if before is None or _standing(before) != _standing(self.shown):
            self.name_panels(live=is_live(self.shown))
            self.show_keys()

    def _tells_nothing_new(self, now: Snapshot, then: Snapshot | None) -> bool:
        """Return whether all that a job has to tell, which has ended, is on the screen already."""
        before = self.snapshot
        return before is not None and now.tells_as(before) and self.shown is (then or before)

    def _say(self, trouble: str = "") -> None:
        """Say in the header what no panel does, which depends on their room."""
        self.header.say(self._said(trouble))

    def _said(self, trouble: str) -> Said:
        age_s = 0.0 if self.snapshot is None else self.board.now() - self.snapshot.taken_at
        return Said(
            trouble=trouble,
            past=self.past_told(self.shown),
            age_s=int(age_s) if age_s > STALE_S else 0,
            limit=not self.time_went.size,
            resources=not self.resources.size,
            read_only=self.board.read_only,
        )

    def _tell_age(self) -> None:
        if self.snapshot is not None:
            self._say(self.header.said.trouble)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so, and how old the rest of the screen is; the next tick tries again."""
        age = "" if self.snapshot is None else f" (shown: {int(self.board.now() - self.snapshot.taken_at)} s old)"
        self.header.fail(self.job, f"{message.reason}{age}")

    def show_keys(self) -> None:
        """Fill the key bar anew."""
        self.keys.show({"job.pause": self.pause_verb, **({} if self.past is None else {"job.back": "now"})})

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def show_keys_of_field(self) -> None:
        """Show the keys of the field that a value is typed into, or those of the screen again."""
        self.show_keys()

    # What is asked of the engine

    def does(self, action: str) -> bool:
        """Return whether a key does something now: dials need a live job, and typing needs its keys for itself."""
        if (self.leaving and action in _PAGES) or (self.controls.is_fixed and action in _LIVE_ONLY):
            return False
        if self.controls.typing:
            return action not in _NOT_TYPING
        live = self.snapshot is not None and is_live(self.snapshot)
        return action not in _LIVE_ONLY or (live and (action != "retest" or _closed(self.snapshot)))

    def on_delivered(self, message: Delivered) -> None:
        """Show what became of a command, and read what it did."""
        got = message.delivery
        self.pausing.answered(message.job, got)
        if message.job != self.job:
            self.controls.say(message.text, message.tone)
            return
        self.controls.answered(got.verb, got.args, applied=got.applied, message=got.message)
        self.leave_if_told(got)
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

    def action_view(self) -> None:
        """Show latency as a heat map, or as lines again; in each job, until the dashboard closes."""
        self.board.heat = not self.board.heat
        self.latency.turn(heat=self.board.heat)
        unseen = "" if self.latency.size else ", where the terminal has room for its chart"
        self.controls.say(f"latency as {'a heat map' if self.board.heat else 'lines'}{unseen}", "ok")

    def action_back(self) -> None:
        """Go back to now, or else to the list of jobs."""
        if self.past is not None:
            self.look_at_now()
        else:
            self.board.open("jobs", self.job)

    def action_history(self) -> None:
        """Show the changes of settings."""
        self.board.open("history", self.job)

    def action_failures(self) -> None:
        """Show what failed."""
        self.board.open("failures", self.job)

    def action_lanes(self) -> None:
        """Show what each provider and key allows, and did."""
        self.board.open("lanes", self.job)

    def action_results(self) -> None:
        """Show the newest results."""
        self.board.open("results", self.job)

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
        self.board.copy(event_text(event) if event else summary_text(self.shown or self.snapshot))
        self.controls.say("copied the event" if event else "copied a summary", "ok")


def _standing(snapshot: Snapshot) -> tuple[JobState, bool, bool, bool]:
    """Return what titles and keys depend on."""
    return snapshot.job.state, is_live(snapshot), _closed(snapshot), snapshot.moment is None


def _closed(snapshot: Snapshot | None) -> bool:
    """Return whether a key was refused or given up, so that it may be tested again."""
    return snapshot is not None and any(lane.state in {"refused", "broken"} for lane in snapshot.lanes)
