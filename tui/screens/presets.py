"""Chooses a preset: the names at left, and at right what loading it would change; and saves one."""

import asyncio
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from ...engine.errors import BatchtopError
from ...engine.presets import Preset, save_preset
from ...engine.settings import Settings, Value
from ...engine.snapshot import Snapshot
from ...engine.text import clean
from ..actions import bindings
from ..board import Board
from ..tuning import ORDER
from ..widgets.controls import Controls
from ..widgets.dials import diff_line, preset_of
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..words import format as say
from ..words.glyphs import Charset
from ..words.line import BLANK, Line, line

ABOUT_LINES: Final = 3
_NAME_CELLS: Final = 26


def labels(presets: Mapping[str, Preset]) -> tuple[str, ...]:
    """Return every preset and its other profiles, each as `preset = ...` takes it."""
    names: list[str] = []
    for preset in presets.values():
        others = (f"{preset.name}/{stage}" for stage in preset.profiles if stage != preset.default)
        names += [preset.name, *others]
    return tuple(names)


def values_of(presets: Mapping[str, Preset], label: str) -> Mapping[str, Value]:
    """Return the values of one label; none for a preset that can't be used."""
    name, _, stage = label.partition("/")
    return presets[name].profiles.get(stage or presets[name].default, {})


def diff_lines(preset: Preset, current: Settings, values: Mapping[str, Value], cells: int) -> list[Line]:
    """Return what a preset is for and, dial by dial, the old and the new value; unchanged ones are dimmed."""
    if preset.problem:
        return [line(("this preset can't be used:", "error")), *map(line, wrap(clean(preset.problem), max(cells, 20)))]
    rows = [diff_line(key, getattr(current, key), values[key], cells) for key in ORDER if key in values]
    about = wrap(clean(preset.description or preset.source), max(cells, 20), max_lines=ABOUT_LINES, placeholder=" …")
    return [*(line((text, "dim")) for text in about), BLANK, *rows]


class PresetScreen(ModalScreen[str], inherit_bindings=False):
    """The picker; dismissed with the label chosen, or nothing."""

    BINDINGS = bindings("presets")

    def __init__(self, presets: Mapping[str, Preset], current: Settings, in_force: str, charset: Charset) -> None:
        super().__init__(classes=f"-{charset}")
        self.presets, self.current = presets, current
        self.names = labels(presets)
        self.index = self.names.index(in_force) if in_force in self.names else 0
        self.list = Painted(charset=charset, id="names")
        self.diff = Painted(charset=charset, id="diff")
        self.keys = KeyBar(charset=charset)

    def compose(self) -> ComposeResult:
        """Yield the names beside the differences."""
        self.list.styles.width = min(max((cell_len(name) for name in self.names), default=0) + 4, _NAME_CELLS)
        with Vertical(id="box") as box:
            box.border_title = "Load a preset"
            with Horizontal():
                yield self.list
                yield self.diff
        yield self.keys

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        self.keys.show()
        self.list.paint(self._name_lines())
        if not self.names:
            self.diff.paint([line("there are no presets")])
            return
        label = self.names[self.index]
        preset = self.presets[label.partition("/")[0]]
        self.diff.paint(diff_lines(preset, self.current, values_of(self.presets, label), self.diff.size.width))

    def _first(self) -> int:
        """Return which name stands in the first line."""
        return max(0, self.index - max(1, self.list.size.height) + 1)

    def _name_lines(self) -> Sequence[Line]:
        marked = self.index
        return [
            line("▸ " if i == marked else "  ", (clean(name), "chosen" if i == marked else ""))
            for i, name in enumerate(self.names)
        ][self._first() :]

    def action_cursor(self, step: int) -> None:
        """Mark the preset above or below."""
        self.index = min(max(self.index + step, 0), max(0, len(self.names) - 1))
        self._draw()

    def action_load(self) -> None:
        """Take the marked preset, unless it can't be used."""
        if self.names and values_of(self.presets, self.names[self.index]):
            self.dismiss(self.names[self.index])

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Mark the name under the pointer."""
        row = self._first() + event.screen_y - self.list.region.y
        if event.widget is self.list and row < len(self.names):
            self.action_cursor(row - self.index)


async def pick_preset(board: Board, controls: Controls, snapshot: Snapshot) -> None:
    """Open the picker, and load what is chosen."""
    presets = await _presets(board, controls)
    if presets is None:
        return

    def load(label: str | None) -> None:
        if label is not None:
            controls.load(label, values_of(presets, label))

    board.ask(PresetScreen(presets, controls.settings, preset_of(snapshot), board.charset), load)


async def ask_name(board: Board, controls: Controls, snapshot: Snapshot) -> None:
    """Ask for the name of a preset, and save the settings in force by then."""
    presets = await _presets(board, controls)
    if presets is None:
        return
    about = f"saved from {snapshot.job.name}, {say.moment(board.now())}"

    async def save(name: str) -> None:
        try:
            file = await asyncio.to_thread(save_preset, name, controls.settings, about)
        except BatchtopError as error:
            controls.say(str(error), "error")
        else:
            controls.say(f"saved as preset {name} in {file.parent}", "ok")

    controls.ask_name(presets, lambda text: controls.run_worker(save(text.strip())))


async def _presets(board: Board, controls: Controls) -> Mapping[str, Preset] | None:
    try:
        return await asyncio.to_thread(board.presets)
    except BatchtopError as error:
        controls.say(str(error), "error")
        return None
