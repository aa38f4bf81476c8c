"""How screens look at the sizes, and with the characters, that the tests of their behaviour leave out."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from batchtop.tui.words.line import width

from .driving import dashboard
from .fake_source import CHANGES, FakeSource, snapshot
from .test_tui_failures_screen import failing
from .test_tui_history_screen import PRESET
from .test_tui_lanes_screen import CLAUDE, KEYS, with_lanes

SMALL, USUAL, WIDE, LARGE = (60, 20), (80, 24), (120, 36), (200, 60)


def changed() -> FakeSource:
    return FakeSource(snapshot(changes=tuple(sorted((*CHANGES, *PRESET), key=lambda each: each.at))))


class Look(NamedTuple):
    """A screen: which keys open it, each with what it shows then, and at which sizes it is looked at here."""

    name: str
    source: Callable[[], FakeSource]
    steps: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[int, int], ...]
    ascii_sizes: tuple[tuple[int, int], ...] = (USUAL,)
    resized: bool = True
    """Whether one dashboard goes through the sizes; not where the job shows, as its header waits for the next read."""


CAUSES = ("f", "12 items failed, 3 causes")
LOOKS = (
    Look("failures", failing, (CAUSES,), (WIDE, LARGE)),
    Look("failed-items", failing, (CAUSES, ("enter", " 3006 ")), (WIDE, LARGE)),
    Look("history", changed, (("H", "cost of 1,000"), ("down", ""), ("down", "[▸>] 22:11:40")), (SMALL, WIDE, LARGE)),
    Look(
        "past", FakeSource, (("less_than_sign", "[◀<] 22:"), ("comma", "[◀<] 22:12:46")), (SMALL, LARGE), resized=False
    ),
    Look("presets", FakeSource, (("p", "Load a preset"),), (SMALL, USUAL, WIDE), resized=False),
    Look("quit", FakeSource, (("q", "leave running"),), (SMALL, USUAL, WIDE), resized=False),
    Look("help", FakeSource, (("question_mark", "more lines below"),), (SMALL, USUAL, WIDE)),
    Look("job", FakeSource, (), (), (USUAL, WIDE), resized=False),
    Look("lanes", lambda: with_lanes(*KEYS, CLAUDE), (("L", "x refused"), ("down", "> = cooling")), ()),
)
CASES = [
    (look, together, ascii_only)
    for look in LOOKS
    for ascii_only, sizes in ((False, look.sizes), (True, look.ascii_sizes))
    for together in ([sizes] if look.resized else [(each,) for each in sizes])
    if together
]


def told(value: object) -> str:
    """Return how a part of a case is named."""
    if isinstance(value, Look):
        return value.name
    return ("ascii" if value else "unicode") if isinstance(value, bool) else "+".join(f"{w}x{h}" for w, h in value)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("look", "sizes", "ascii_only"), CASES, ids=told)
async def test_screens_look_as_they_did(
    look: Look, sizes: tuple[tuple[int, int], ...], looks_like: Callable[[str, str], None], *, ascii_only: bool
) -> None:
    async with dashboard(look.source(), size=sizes[0], ascii_only=ascii_only) as tui:
        for key, shown in look.steps:
            await tui.press(key)
            await tui.until_shown(shown)
        for columns, rows in sizes:
            await tui.pilot.resize_terminal(columns, rows)
            await tui.pilot.pause(0.1)
            text = tui.text()
            looks_like(f"{look.name}{'-ascii' * ascii_only}-{columns}x{rows}", text)
            assert len(text.splitlines()) == rows
            assert max(width([(each, "")]) for each in text.splitlines()) <= columns
            assert text.replace("长", "").isascii() or not ascii_only, "but for what an item says"
