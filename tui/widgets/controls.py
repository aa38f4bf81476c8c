"""The dials, the line under them, and the field for a typed value: what is asked, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from ...engine.presets import Preset
from ...engine.settings import Settings, Value, parse
from ...engine.snapshot import Change, Snapshot
from ...engine.text import clean
from .. import tuning
from ..figures.series import is_live
from ..figures.turns import undo_of
from ..messages import Asked, DialPicked
from ..tuning import Tuning
from ..words.dial import change_text, name_of
from ..words.glyphs import Charset
from ..words.line import Tone, line, spread
from ..words.typed import dial_meaning, name_meaning
from .dials import Dials, hint, preset_of
from .field import Field, Wanted
from .painted import Painted
from .valueinput import ValueInput

_SAID: Final = frozenset({"preset", "retest"})
"""Commands whose answer is worth a word though they were applied: nothing else shows it at once."""


class Controls(Vertical):
    """Keeps the wishes under way; posts `Asked` for each, and is told of the answer by `answered`."""

    of_dial: bool = False
    """Whether it is a dial's value that is typed."""

    def __init__(self, charset: Charset, now: tuning.Now, *, id: str, fixed: bool = False) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes="panel")
        self.now, self.fixed = now, fixed
        self.past = False
        self.tuning = Tuning()
        self.snapshot: Snapshot | None = None
        self.dials, self.hint, self.field = Dials(charset=charset), Painted(charset=charset), Field(charset)
        self.dials.fixed = fixed
        self._presets: dict[str, Mapping[str, Value]] = {}

    def compose(self) -> ComposeResult:
        """Yield the list, and the line or field below."""
        yield self.dials
        yield self.hint
        yield self.field

    @property
    def typing(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.field.display)

    @property
    def is_fixed(self) -> bool:
        """Whether what is shown can't be changed: it is past, or the dashboard only reads."""
        return self.fixed or self.past

    @property
    def changeable(self) -> bool:
        """Whether a dial can be changed here and now."""
        return not self.is_fixed and self.snapshot is not None and is_live(self.snapshot)

    @property
    def settings(self) -> Settings:
        """The settings in force, as far as they are known."""
        return Settings() if self.snapshot is None else self.snapshot.dials.settings

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot; a wish it shows is a wish no more."""
        self.snapshot, self.past = snapshot, snapshot.moment is not None
        self.dials.fixed = self.is_fixed
        seen = self.tuning if self.past else self.tuning.seen(snapshot.dials.settings, snapshot.taken_at)
        self._tune(seen)
        if self.typing and self.of_dial and not is_live(snapshot):
            self.leave()

    def _tune(self, changed: Tuning) -> None:
        self.tuning = changed
        if self.snapshot is None:
            return
        self.dials.tuning = changed
        self.dials.show(self.snapshot)
        below = self.dials.below()
        more = line((f"↓ {below} more" if below else "", "dim"))
        self.hint.paint([spread(hint(self.snapshot, changed, fixed=self.fixed), more, self.dials.size.width)])
        name = "Controls" if self.changeable else "Settings"
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
        """Choose the dial above or below; where none can be changed, move the list."""
        self._tune(self.tuning.move(step) if self.changeable else self.tuning.choose(self.dials.beyond(step)))

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
        self.post_message(Asked("undo", values))

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
        elif verb in {"set", "undo"}:
            values = {key: parse(key, value) for key, value in args.items()}
        kept = self.tuning.confirmed(values, self.now()) if applied else self.tuning.refused(values, message)
        self._tune(kept.said(message, "ok") if applied and verb in _SAID else kept)

    def type(self) -> None:
        """Open the field, with the chosen dial's value in it."""
        key = self.tuning.chosen
        now = self.tuning.value(key, self.settings)
        judge, take = partial(dial_meaning, key, now), partial(self._typed, key)
        self._open(Wanted(name_of(key), judge, take), f"{now:.15g}", of_dial=True)

    def _typed(self, key: str, text: str) -> None:
        self._set(key, parse(key, text))

    def ask_name(self, presets: Mapping[str, Preset], take: Callable[[str], object]) -> None:
        """Open the field for the name that the settings in force are to have as a preset."""
        self._open(Wanted("save as", partial(name_meaning, presets), take, cells=16), "", of_dial=False)

    def _open(self, wanted: Wanted, text: str, *, of_dial: bool) -> None:
        self.of_dial = of_dial
        self.field.open(replace(wanted, take=partial(self._take, wanted.take)), text)
        self._show_field(on=True)

    def _take(self, take: Callable[[str], object], text: str) -> None:
        self.leave()
        take(text)

    def _show_field(self, *, on: bool) -> None:
        self.field.display = on
        self.hint.display = not on
        self.screen.set_focus(self.field.typed if on else None)

    def catch(self, event: events.Key) -> None:
        """Give the field a key that came before it had the focus."""
        self.field.catch(event)

    @on(DialPicked)
    def pick(self, message: DialPicked) -> None:
        """Choose the dial that was clicked."""
        message.stop()
        if self.changeable and not self.typing:
            self.choose(message.key)

    @on(ValueInput.Left)
    def leave(self) -> None:
        """Close the field."""
        self._show_field(on=False)
