"""The dials, the line under them, and the field for a typed value: what is asked, and what came of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from ...engine.errors import SettingError
from ...engine.settings import DIALS, Settings, Value, allowed, parse
from ...engine.snapshot import Change, Snapshot
from ...engine.text import clean
from .. import tuning
from ..glyphs import Charset
from ..line import Tone, line, spread
from ..messages import Asked, DialPicked
from ..series import is_live
from ..tuning import Tuning
from ..turns import undo_of
from .dials import Dials, hint, name_of, preset_of
from .painted import Painted
from .turntable import change_text
from .valueinput import ValueInput

_SAID: Final = frozenset({"preset", "retest"})
"""Commands whose answer is worth a word though they were applied: nothing else shows it at once."""


class Controls(Vertical):
    """Keeps the wishes under way; posts `Asked` for each, and is told of the answer by `answered`."""

    DEFAULT_CSS = """
    Controls {
        #field { height: 1; display: none; }
        #label { width: 13; }
        ValueInput { width: 12; margin-right: 1; }
    }
    """

    def __init__(self, charset: Charset, now: tuning.Now, *, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes="panel")
        self.now = now
        self.tuning = Tuning()
        self.snapshot: Snapshot | None = None
        self.dials, self.hint = Dials(charset=charset), Painted(charset=charset)
        self.label, self.typed, self.rule = Painted(charset=charset, id="label"), ValueInput(), Painted(charset=charset)
        self.field = Horizontal(id="field")
        self._presets: dict[str, Mapping[str, Value]] = {}

    def compose(self) -> ComposeResult:
        """Yield the list, and the line or field below."""
        yield self.dials
        yield self.hint
        with self.field:
            yield self.label
            yield self.typed
            yield self.rule

    @property
    def typing(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.field.display)

    @property
    def settings(self) -> Settings:
        """The settings in force, as far as they are known."""
        return Settings() if self.snapshot is None else self.snapshot.dials.settings

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot; a wish it shows is a wish no more."""
        self.snapshot = snapshot
        self._tune(self.tuning.seen(snapshot.dials.settings, snapshot.taken_at))
        if self.typing and not is_live(snapshot):
            self._type(on=False)

    def _tune(self, changed: Tuning) -> None:
        self.tuning = changed
        if self.snapshot is None:
            return
        self.dials.tuning = changed
        self.dials.show(self.snapshot)
        below = self.dials.below() if is_live(self.snapshot) else 0
        more = line((f"↓ {below} more" if below else "", "dim"))
        self.hint.paint([spread(hint(self.snapshot, changed), more, self.dials.size.width)])
        name = "Controls" if is_live(self.snapshot) else "Settings"
        title = Content(f"{name} (preset {clean(preset_of(self.snapshot))})")  # no markup: a file names the preset
        if self.border_title != title.markup:
            self.border_title = title

    def on_resize(self) -> None:
        """Draw for the new size, once the parts have theirs."""
        self.call_after_refresh(lambda: self._tune(self.tuning))

    def say(self, note: str, tone: Tone) -> None:
        """Say something on the line under the dials, until a key is pressed."""
        self._tune(self.tuning.said(note, tone))

    def hush(self) -> None:
        """Take away what was said."""
        if self.tuning.note:
            self.say("", "")

    def choose(self, key: str) -> None:
        """Choose a dial by name."""
        self._tune(self.tuning.choose(key))

    def move(self, step: Literal[-1, 1]) -> None:
        """Choose the dial above or below."""
        self._tune(self.tuning.move(step))

    def step(self, direction: Literal[-1, 1]) -> None:
        """Ask for the chosen dial's next value."""
        self._set(self.tuning.chosen, tuning.stepped(self.tuning, self.settings, direction))

    def _set(self, key: str, value: Value) -> None:
        if value == self.tuning.value(key, self.settings):
            self.say(f"{name_of(key)} is that already", "dim")
            return
        self._tune(self.tuning.wished({key: value}))
        self.post_message(Asked("set", {key: value}))

    def undo(self) -> None:
        """Ask for what was before the newest change that is not undone yet; what is asked for already is a change."""
        if self.snapshot is None:
            return
        asked, at = self.tuning.asked(self.settings), self.snapshot.taken_at
        pending = (Change(at, "", key, getattr(self.settings, key), value) for key, value in asked.items())
        wished = replace(self.settings, **asked)
        values = undo_of((*self.snapshot.changes, *pending), wished)
        if values is None:
            self.say("there is no change to undo", "dim")
            return
        self._tune(self.tuning.wished(values))
        told = ", ".join(change_text(key, getattr(wished, key), value) for key, value in values.items())
        self.say(f"undo: {told}", "warn")
        self.post_message(Asked("set", values))

    def load(self, label: str, values: Mapping[str, Value]) -> None:
        """Ask for a preset."""
        self._presets[label] = values
        self._tune(self.tuning.wished(tuning.differences(self.settings, values)))
        self.post_message(Asked("preset", {"name": label}))

    def answered(self, verb: str, args: Mapping[str, object], *, applied: bool, message: str) -> None:
        """Take the engine's answer to a command."""
        values: Mapping[str, Value] = {}
        if verb == "preset":
            values = self._presets.pop(str(args["name"]), values)
        elif verb == "set":
            values = {key: parse(key, value) for key, value in args.items()}
        kept = self.tuning.confirmed(values, self.now()) if applied else self.tuning.refused(values, message)
        self._tune(kept.said(message, "ok") if applied and verb in _SAID else kept)

    def type(self) -> None:
        """Open the field, with the chosen dial's value in it."""
        key = self.tuning.chosen
        self.typed.offer(f"{self.tuning.value(key, self.settings):.15g}")
        self.label.paint([line((name_of(key), "chosen"))])
        self.rule.paint([line((allowed(DIALS[key]), "dim"))])
        self._type(on=True)

    def _type(self, *, on: bool) -> None:
        self.field.display = on
        self.hint.display = not on
        self.screen.set_focus(self.typed if on else None)

    def catch(self, event: events.Key) -> None:
        """Give the field a key that came before it had the focus."""
        event.stop()
        if event.is_printable and event.character:
            self.typed.replace(event.character, *self.typed.selection)
        else:
            self._take(self.typed.value)

    @on(DialPicked)
    def pick(self, message: DialPicked) -> None:
        """Choose the dial that was clicked."""
        message.stop()
        if self.snapshot is not None and is_live(self.snapshot) and not self.typing:
            self.choose(message.key)

    @on(Input.Submitted)
    def take(self, message: Input.Submitted) -> None:
        """Take what was typed; what can't be taken stays in the field, with the reason beside it."""
        message.stop()
        self._take(message.value)

    def _take(self, text: str) -> None:
        key = self.tuning.chosen
        try:
            value = parse(key, text)
        except SettingError:
            self.rule.paint([line((f"not {allowed(DIALS[key])}", "error"))])
            return
        self.leave()
        self._set(key, value)

    @on(ValueInput.Left)
    def leave(self) -> None:
        """Close the field."""
        self._type(on=False)
