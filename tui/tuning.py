"""What a person asked of the dials and the engine has not confirmed yet. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from ..engine import settings
from ..engine.settings import DIALS, Settings, Value
from .words.line import Tone

_FIRST: Final = ("batch_size", "delay", "concurrency", "max_wait", "rpm", "tpm")
ORDER: Final = (*_FIRST, *(key for key in DIALS if key not in _FIRST))
"""The dials from top to bottom, the most used first."""

Now: TypeAlias = Callable[[], float]
"""Returns the seconds since the epoch."""

SHOWN_BY_S: Final = 1.0
"""An engine answers before its next commit, so a snapshot right after the answer may still show the old value."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A value asked for; `confirmed_at` says when the engine took it, in seconds since the epoch."""

    value: Value
    confirmed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """The chosen dial, the wishes under way, and the last thing said about them."""

    chosen: str = ORDER[0]
    wishes: Mapping[str, Wish] = field(default_factory=dict[str, Wish])
    note: str = ""
    note_tone: Tone = ""

    def value(self, key: str, current: Settings) -> Value:
        """Return what a dial will be when all wishes came true, so that quick steps add up."""
        wish = self.wishes.get(key)
        return getattr(current, key) if wish is None else wish.value

    def asked(self, current: Settings) -> dict[str, Value]:
        """Return the values asked for that are not in force yet."""
        return differences(current, {key: wish.value for key, wish in self.wishes.items()})

    def choose(self, key: str) -> "Tuning":
        """Return this with another dial chosen and the note gone."""
        return replace(self, chosen=key, note="", note_tone="")

    def move(self, step: Literal[-1, 1]) -> "Tuning":
        """Return this with the dial above or below chosen."""
        last = len(ORDER) - 1
        return self.choose(ORDER[min(max(ORDER.index(self.chosen) + step, 0), last)])

    def wished(self, values: Mapping[str, Value]) -> "Tuning":
        """Return this with more wishes under way."""
        added = {key: Wish(value) for key, value in values.items()}
        return replace(self, wishes={**self.wishes, **added}, note="", note_tone="")

    def confirmed(self, values: Mapping[str, Value], at: float) -> "Tuning":
        """Return this with what the engine took marked so; it stays in sight until a snapshot shows it."""
        same = {key: Wish(value, at) for key, value in values.items() if self._is_wished(key, value)}
        return replace(self, wishes={**self.wishes, **same})

    def refused(self, values: Mapping[str, Value], why: str) -> "Tuning":
        """Return this without what the engine refused, and why it did."""
        kept = {
            key: wish for key, wish in self.wishes.items() if key not in values or not self._is_wished(key, values[key])
        }
        return replace(self, wishes=kept, note=why, note_tone="error")

    def said(self, note: str, tone: Tone) -> "Tuning":
        """Return this with something to say."""
        return replace(self, note=note, note_tone=tone)

    def seen(self, current: Settings, taken_at: float) -> "Tuning":
        """Return this without the confirmed wishes that a snapshot shows, or should have shown by then."""
        kept = {key: wish for key, wish in self.wishes.items() if not _over(wish, getattr(current, key), taken_at)}
        return self if len(kept) == len(self.wishes) else replace(self, wishes=kept)

    def _is_wished(self, key: str, value: Value) -> bool:
        wish = self.wishes.get(key)
        return wish is not None and wish.value == value


def _over(wish: Wish, current: Value, taken_at: float) -> bool:
    return wish.confirmed_at is not None and (wish.value == current or taken_at > wish.confirmed_at + SHOWN_BY_S)


def differences(current: Settings, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return those of the values that would change something."""
    return {key: value for key, value in values.items() if getattr(current, key) != value}


def stepped(tuning: Tuning, current: Settings, direction: Literal[-1, 1]) -> Value:
    """Return the chosen dial's next value, from the one already asked for."""
    return settings.stepped(tuning.chosen, tuning.value(tuning.chosen, current), direction)
