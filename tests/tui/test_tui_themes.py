"""Themes can be read: by their contrast, by colour-blind people, and in the order in which they are chosen."""

from itertools import combinations

import pytest
from batchtop.tui.app import Dashboard
from batchtop.tui.themes import BATCHTOP, CONTRAST, LIGHT, NAMES, TERMINALS_OWN, THEMES, default_theme
from rich.color import ColorType
from rich.segment import Segment
from textual.color import Color
from textual.theme import Theme

from .driving import Driver, dashboard
from .fake_source import FakeSource, snapshot
from .stories import previews
from .test_tui_failures_screen import failing
from .test_tui_lanes_screen import KEYS

TEXTS = ("foreground", "primary", "secondary", "success", "warning", "error", "accent")
GROUNDS = ("background", "surface", "panel")
DIM = 0.62
"""What `tone--dim` leaves of the foreground."""
LEAST = {BATCHTOP.name: 4.5, LIGHT.name: 4.5, CONTRAST.name: 7.0}

# Linear maps of linear RGB for people who lack one kind of cone (after Viénot, Brettel and Mollon, 1999).
BLINDNESS = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def linear(color: Color) -> tuple[float, float, float]:
    """Return the amounts of light behind the three numbers of a colour."""
    parts = (color.r / 255, color.g / 255, color.b / 255)
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)  # type: ignore[return-value]


def luminance(color: Color) -> float:
    """Return the relative luminance as WCAG 2 defines it."""
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))


def contrast(one: Color, other: Color) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def seen(color: Color, blindness: str) -> tuple[float, ...]:
    """Return what a colour-blind person sees of it, as amounts of light."""
    light = linear(color)
    return tuple(sum(a * b for a, b in zip(row, light, strict=True)) for row in BLINDNESS[blindness])


@pytest.fixture(autouse=True)
def in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual itself would heed it."""
    monkeypatch.delenv("NO_COLOR", raising=False)


def colour(theme: Theme, name: str) -> Color:
    return Color.parse(getattr(theme, name))


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_text_stands_out_from_what_it_is_drawn_on(theme, ground):
    low = {
        name: round(ratio, 2)
        for name in TEXTS
        if (ratio := contrast(colour(theme, name), colour(theme, ground))) < LEAST[theme.name]
    }
    assert low == {}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_dim_text_can_be_read_too(theme, ground):
    on = colour(theme, ground)
    dim = on.blend(colour(theme, "foreground"), DIM)
    assert contrast(dim, on) >= LEAST[theme.name]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_well_careful_and_wrong_differ_for_the_colour_blind(theme, blindness):
    """Well against the others differs in hue; careful and wrong have their glyphs, their words, and some lightness."""
    well, careful, wrong = (seen(colour(theme, name), blindness) for name in ("success", "warning", "error"))
    for one, other in ((well, careful), (well, wrong)):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.15
    assert max(abs(a - b) for a, b in zip(careful, wrong, strict=True)) > 0.03


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_nothing_is_red_against_green(theme):
    green = [name for name in TEXTS if colour(theme, name).g > 1.2 * max(colour(theme, name).r, colour(theme, name).b)]
    assert green == []


@pytest.mark.parametrize(
    ("environment", "wanted", "expected"),
    [
        ({}, None, "batchtop"),
        ({}, "batchtop-light", "batchtop-light"),
        ({"TEXTUAL_THEME": "nord"}, None, "nord"),
        ({"TEXTUAL_THEME": "nord"}, "batchtop-contrast", "batchtop-contrast"),
        ({"NO_COLOR": "1"}, None, "ansi-dark"),
        ({"NO_COLOR": "1", "TEXTUAL_THEME": "ansi-light"}, None, "ansi-light"),
        ({"NO_COLOR": "1"}, "batchtop-light", "batchtop-light"),
        ({"TEXTUAL_THEME": "nonesuch"}, None, "batchtop"),
        ({"TEXTUAL_THEME": "nonesuch, dracula,nord"}, None, "dracula"),
        ({"NO_COLOR": "1", "TEXTUAL_THEME": "nonesuch"}, None, "ansi-dark"),
    ],
)
def test_the_theme_asked_for_most_explicitly_wins(environment, wanted, expected):
    assert default_theme(environment, wanted) == expected


def test_every_theme_that_is_named_can_be_taken():
    app = Dashboard(FakeSource())
    for theme in THEMES:
        app.register_theme(theme)
    assert set(NAMES) <= set(app.available_themes)
    assert set(TERMINALS_OWN) <= set(NAMES)
    assert all(one != other for one, other in combinations(NAMES, 2))


def full() -> FakeSource:
    """Return a job that every screen has something to show of."""
    return FakeSource(snapshot(lanes=KEYS), failed=failing().failed, previews=previews(40, 40))


def segments(tui: Driver) -> list[Segment]:
    """Return what is drawn, with its colours."""
    return [each for strip in tui.app.screen._compositor.render_strips() for each in strip if each.text.strip()]


TONED = {"● running": "ok", "✕ refused": "error", "‖ cooling": "warn", "━": "one", "╌": "two", "┈": "three",
         "space": "key", "elapsed": "dim", "reviews": "strong"}  # fmt: skip
"""Words of the job's screen, and their tones."""
ROLES = {"ok": "success", "error": "error", "warn": "warning", "one": "primary", "two": "secondary",
         "three": "warning", "key": "primary", "strong": "foreground"}  # fmt: skip
TERMINALS = {
    "ansi-dark": {"ok": 14, "error": 9, "warn": 11, "one": 14, "two": 13, "three": 11, "key": 14},
    "ansi-light": {"ok": 4, "error": 1, "warn": 5, "one": 4, "two": 6, "three": 5, "key": 4},
}
"""The terminal's colours by number; tones left out take its own foreground."""


def expected(tui: Driver, theme: str, tone: str) -> str | int | None:
    """Return the colour of a tone, as a number where it is one of the terminal's."""
    if theme in TERMINALS:
        return TERMINALS[theme].get(tone)
    of = tui.app.theme_variables
    if tone == "dim":
        return Color.parse(of["background"]).blend(Color.parse(of["foreground"]), DIM).hex.lower()
    return Color.parse(of[ROLES[tone]]).hex.lower()


DRAWN = ("textual-light", "batchtop", "batchtop-light", "ansi-dark", "batchtop-contrast", "ansi-light", "textual-dark")
"""The first is the one to start with, the others are taken while all is shown."""


async def test_every_theme_draws_each_tone_in_its_own_colour() -> None:
    async with dashboard(full(), environment={"TEXTUAL_THEME": DRAWN[0]}, size=(120, 36)) as tui:
        await tui.until_shown("refused")
        for theme in DRAWN:
            tui.app.theme = theme
            await tui.pilot.pause()
            assert colours(tui, theme) == {word: {expected(tui, theme, tone)} for word, tone in TONED.items()}, theme


def colours(tui: Driver, theme: str) -> dict[str, set[str | int | None]]:
    """Return the colours that each of the words is drawn in, a terminal's own as numbers."""
    drawn: dict[str, set[str | int | None]] = {word: set() for word in TONED}
    for each in segments(tui):
        if (word := each.text.strip()) in TONED and each.style and each.style.color:
            colour = each.style.color
            drawn[word].add(colour.number if colour.triplet is None else colour.triplet.hex)
            assert bool(each.style.dim) == (TONED[word] == "dim" and theme in TERMINALS), (theme, word)
    return drawn


TOUR = (("", "refused"), ("p", "Load a preset"), ("escape", "refused"), ("q", "leave running"), ("escape", "refused"),
        ("H", "cost of 1,000"), ("escape", "Throughput"), ("L", "RPM"), ("escape", "Throughput"), ("f", "3 causes"),
        ("enter", " 3006 "), ("escape", "3 causes"), ("escape", "Throughput"), ("r", "answer 39"),
        ("escape", "Throughput"), ("question_mark", "The job"), ("escape", "Throughput"),
        ("escape", "gpt-4o-mini"))  # fmt: skip
"""Keys that lead over every screen, and what each then shows."""


@pytest.mark.parametrize("theme", TERMINALS_OWN)
async def test_the_terminals_own_themes_draw_in_its_palette_alone(theme: str) -> None:
    own = {ColorType.DEFAULT, ColorType.STANDARD}
    async with dashboard(full(), theme=theme, size=(120, 36)) as tui:
        for key, shown in TOUR:
            await tui.press(*filter(None, [key]))
            await tui.until_shown(shown)
            alien = {
                (each.text.strip(), colour.name)
                for each in segments(tui)
                for colour in (each.style and each.style.color, each.style and each.style.bgcolor)
                if colour and colour.type not in own
            }
            assert alien == set(), f"after {key}"
        assert "Throughput" not in tui.text(), "the list of jobs is where the tour ends"
