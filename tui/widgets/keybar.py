"""The last line of every screen: the keys that do something now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from textual import events

from ..actions import ACTIONS
from ..keys import Action, key_name
from ..words.glyphs import Charset
from ..words.line import Line, join, line, width
from .painted import Painted

_PAIRS: Final = {"dials.less": "dials.more", "job.earlier": "job.later", "question.up": "question.down"}
"""Actions that go both ways, which the bar shows together."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the bar shows it, and the one a click on it stands for."""

    action: Action
    press: str
    text: Line


class KeyBar(Painted):
    """Shows keys as they are bound, rebound ones too, as many as there is room for; a click does the same."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; background: $panel; padding: 0 1; }"

    shown: tuple[Key, ...] = ()

    def show(self, labels: Mapping[str, str] | None = None) -> None:
        """Draw the keys bound now; `labels` say what an action is called now. A screen that is gone has none."""
        if not self.is_attached:
            return
        bound: dict[str, list[str]] = {}
        for key, active in self.screen.active_bindings.items():
            if active.enabled and active.binding.id:
                bound.setdefault(active.binding.id, []).append(key)
        usable = sorted((each for each in ACTIONS if each.bar and each.id in bound), key=lambda each: each.bar)
        named = {each.id: each.label for each in usable} | dict(labels or {})
        self.shown = fitting(
            [Key(each, bound[each.id][0], key_line(each, bound, self.charset, named[each.id])) for each in usable],
            self.size.width,
        )
        self.paint([join(key.text for key in self.shown)])

    def on_click(self, event: events.Click) -> None:
        """Do what the key under the pointer does."""
        passed = 1
        for key in self.shown:
            passed += width(key.text) + 2
            if event.x < passed:
                self.screen.post_message(events.Key(key.press, None))
                return


def key_line(action: Action, bound: Mapping[str, Sequence[str]], charset: Charset, label: str) -> Line:
    """Return a key and its word; a pair of keys that go both ways stands as one."""
    first = key_name(bound[action.id][0], charset)
    other = bound.get(_PAIRS.get(action.id, ""))
    return line((first + (key_name(other[0], charset) if other else ""), "key"), f" {label}")


def fitting(keys: Sequence[Key], cells: int) -> tuple[Key, ...]:
    """Return as many as fit; what helps and what leaves is never left out."""
    kept = list(keys)
    while width(join(key.text for key in kept)) > cells:
        spare = [i for i, key in enumerate(kept) if key.action.name not in {"help", "quit"}]
        if not spare:
            break
        kept.pop(spare[-1])
    return tuple(kept)
