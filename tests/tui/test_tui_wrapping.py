"""Long texts in rows: every character is there, no row is too wide, and nothing is wrapped that nobody looks at."""

import time

import pytest
from batchtop.tui.words.line import Line, line, text_of, width
from batchtop.tui.words.wrapping import Rows, wrapped
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.sampled_from('ab  .,{}"长👍e\u0301é0'), max_size=120)


def rows_of(text: str, cells: int) -> list[str]:
    return [text_of(row) for _, row in wrapped(line(text), cells)]


@pytest.mark.parametrize(
    ("text", "cells", "rows"),
    [
        ("", 10, [""]),
        ("one two three", 20, ["one two three"]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("  one two three", 9, ["  one two", "  three"]),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", 10, ["aaaaaaaaaa", "aaaaaaaaaa", "aaaa"]),
        ("a bbbbbbbbbbbbbbbb", 10, ["a bbbbbbbb", "bbbbbbbb"]),
        ("长焦镜头", 5, ["长焦", "镜头"]),
        ("e\u0301" * 5, 3, ["e\u0301" * 3, "e\u0301" * 2]),
    ],
)
def test_a_line_is_cut_at_spaces_and_goes_on_as_far_in(text: str, cells: int, rows: list[str]) -> None:
    assert rows_of(text, cells) == rows


@given(TEXT, st.integers(min_value=4, max_value=30))
def test_nothing_is_lost_and_nothing_is_too_wide(text: str, cells: int) -> None:
    rows = rows_of(text, cells)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert all(width(line(row)) <= cells for row in rows)


@given(TEXT, TEXT, st.integers(min_value=4, max_value=30))
def test_tones_stay_with_their_text(one: str, other: str, cells: int) -> None:
    made: Line = line((one, "ok"), (other, "dim"))
    rows = [span for _, row in wrapped(made, cells) for span in row]
    assert "".join(text for text, tone in rows if tone != "dim").replace(" ", "") == one.replace(" ", "")
    assert "".join(text for text, tone in rows if tone == "dim").replace(" ", "") == other.replace(" ", "")


@given(st.lists(TEXT, max_size=6), st.integers(4, 30), st.integers(4, 30))
def test_a_place_in_the_text_is_found_again_at_another_width(texts: list[str], cells: int, others: int) -> None:
    lines = [line(each) for each in texts]
    rows, again = Rows(lines, cells), Rows(lines, others)
    for row in range(len(rows.shown(0, 10_000))):
        place = rows.place_of(row)
        assert rows.row_at(place) == row or rows.place_of(rows.row_at(place)) == place
        found = again.row_at(place)
        assert again.place_of(found) <= place


def test_only_what_is_in_sight_is_wrapped() -> None:
    looked_at = 0

    def lines():
        nonlocal looked_at
        for number in range(100_000):
            looked_at += 1
            yield line(f"line {number}")

    rows = Rows(lines(), 40)  # type: ignore[arg-type]
    assert len(rows.shown(0, 20)) == 20
    assert rows.furthest(30, 20) == 30
    assert looked_at <= 60
    assert rows.furthest(1_000_000, 20) == 99_980
    assert not rows.has(100_001)


@pytest.mark.parametrize(
    "text", ["word " * 40_000, "长焦镜头" * 50_000, "x" * 200_000], ids=["ascii", "wide", "one word"]
)
def test_long_texts_are_quick(text: str) -> None:
    began = time.perf_counter()
    rows = Rows([line(text)], 78)
    rows.shown(0, 40)
    first_s = time.perf_counter() - began
    rows.furthest(10**9, 40)
    assert first_s < 0.05
    assert time.perf_counter() - began < 2
