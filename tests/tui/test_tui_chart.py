import itertools

import pytest
from batchtop.tui.figures.binned import Frame
from batchtop.tui.widgets.canvas import GRAINS, Canvas
from batchtop.tui.widgets.chart import GUTTER, Plot
from batchtop.tui.widgets.lines import Curve, Lines
from batchtop.tui.widgets.scale import axis, nice_step, times
from batchtop.tui.words.glyphs import charset
from hypothesis import given
from hypothesis import strategies as st


def drawn(values: list[float | None], width: int, height: int, charset: str = "braille", **dash: int) -> list[str]:
    canvas = Canvas(width, height, GRAINS[charset])  # type: ignore[index]
    canvas.stroke(values, 1.0, 0, **dash)
    return ["".join(glyph for glyph, _ in canvas.row(row)) for row in range(height)]


def test_a_rising_line_fills_dots_from_bottom_left_to_top_right() -> None:
    assert drawn([0, 1 / 3, 2 / 3, 1], 2, 1) == ["⡠⠊"]
    assert drawn([0, 0, 1, 1], 2, 1) == ["⣀⠏"]
    assert drawn([0, 1], 2, 1, "block") == ["▄▀"]
    assert drawn([0, 1], 2, 2, "ascii") == [" #", "# "]


def test_in_ascii_each_line_has_a_character_of_its_own() -> None:
    low, high = Curve((0.0, 0.0, 0.0, 0.0), "one"), Curve((1.0, 1.0, 1.0, 1.0), "two", plain="-")
    for chars, rows in (("ascii", ["----", "===="]), ("block", ["▀▀▀▀", "▄▄▄▄"])):
        picture = Lines((high, low)).drawn(4, 2, chars, str)  # type: ignore[arg-type]
        assert ["".join(glyph for glyph, _ in row) for row in picture.rows] == rows


def test_a_gap_stays_a_gap_and_a_lone_value_is_a_dot() -> None:
    assert drawn([0, None, None, None, 0, None], 3, 1) == ["⡀ ⡀"]


def test_a_dashed_line_leaves_columns_out() -> None:
    assert drawn([0] * 8, 4, 1, on=2, off=2) == ["⣀ ⣀ "]


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=80), st.integers(1, 30), st.integers(1, 10),
    st.sampled_from(["braille", "block", "ascii"]),
)  # fmt: skip
def test_a_line_has_no_holes(values: list[float | None], width: int, height: int, charset: str) -> None:
    grain = GRAINS[charset]  # type: ignore[index]
    canvas = Canvas(width, height, grain)
    canvas.stroke(values, 1.0, 0)
    shown = values[: width * grain.columns]
    for x, (left, right) in enumerate(itertools.pairwise(shown)):
        if left is not None and right is not None:
            rows = {row for column in (x, x + 1) for row in dots(canvas, column)}
            first, last = sorted((canvas.row_of(left, 1.0), canvas.row_of(right, 1.0)))
            assert rows >= set(range(first, last + 1))


def dots(canvas: Canvas, column: int) -> set[int]:
    """Return the dot rows set in one dot column."""
    grain = canvas.grain
    cell, dx = divmod(column, grain.columns)
    return {
        row * grain.rows + dy
        for row in range(canvas.height)
        for dy in range(grain.rows)
        if canvas._masks[row * canvas.width + cell] >> (dy * grain.columns + dx) & 1
    }


@given(st.floats(0.001, 1e9), st.integers(1, 60))
def test_an_axis_reaches_the_highest_value_at_even_distances(highest: float, height: int) -> None:
    found = axis(highest, height)
    assert found.values()[-1] >= highest * (1 - 1e-6)
    assert found.values()[0] == 0
    if height > 1:
        assert found.count * found.gap <= height - 1
        assert found.top(height) >= highest * (1 - 1e-6)
        canvas = Canvas(1, height, GRAINS["braille"])
        rows = [canvas.row_of(value, found.top(height)) // 4 for value in found.values()]
        assert rows == [height - 1 - i * found.gap for i in range(found.count + 1)]


@pytest.mark.parametrize(("least", "step"), [(0, 1), (0.3, 0.3), (1.01, 2), (7, 8), (33, 40), (90, 100)])
def test_steps_are_round(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)


@given(st.sampled_from([60.0, 120.0, 180.0, 240.0, 300.0]), st.integers(4, 200), st.sampled_from(["now", "end"]))
def test_times_never_overlap_and_end_at_the_edge(seconds: float, width: int, end: str) -> None:
    labels = times(seconds, width, end)
    assert all(start + len(text) < following for (start, text), (following, _) in itertools.pairwise(labels))
    assert labels[-1][0] + len(end) == max(width, len(end))


@pytest.mark.parametrize(
    ("environment", "ascii_only", "expected"),
    [
        ({"TERM": "xterm-256color", "LANG": "C.UTF-8"}, False, "braille"),
        ({}, False, "braille"),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, False, "block"),
        ({"LANG": "en_US.ISO-8859-1"}, False, "ascii"),
        ({"LANG": "C.UTF-8"}, True, "ascii"),
    ],
)
def test_the_charset_is_what_the_terminal_can_draw(
    environment: dict[str, str], ascii_only: object, expected: str
) -> None:
    assert charset(environment, ascii_only=bool(ascii_only)) == expected


def test_equal_plots_are_equal() -> None:
    within = Frame(0, 1, 60, 60)
    assert Plot(Lines((Curve((1.0, None), "one"),)), within) == Plot(Lines((Curve((1.0, None), "one"),)), within)
    assert len("400/min") < GUTTER
