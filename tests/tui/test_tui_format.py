import pytest
from batchtop.tui.words import format as say
from batchtop.tui.words.line import crop, first_fit, fit, line, middle, spread, text_of, width
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (42.4, "42 s"),
        (59.6, "1m 00s"),
        (185, "3m 05s"),
        (7_620, "2h 07m"),
        (273_600, "3d 04h"),
    ],
)
def test_durations_in_their_two_largest_units(seconds: float | None, text: str) -> None:
    assert say.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0194, "19 ms"), (0.583, "583 ms"), (2.594, "2.59 s"), (9.996, "10 s"), (53.4, "53 s"), (185.0, "3m 05s")],
)
def test_short_runs_to_the_millisecond(seconds: float, text: str) -> None:
    assert say.took(seconds) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "-"), (0.42, "0.4 ms"), (9.999, "10 ms"), (812.4, "812 ms"), (999.6, "1.00 s"), (1_944, "1.94 s"),
     (15_040, "15.0 s"), (125_000, "2m 05s")],
)  # fmt: skip
def test_latencies_in_three_digits(ms: float | None, text: str) -> None:
    assert say.latency(ms) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.25, "0.25"), (23.44, "23.4"), (234.4, "234"), (999.6, "1k"), (1_200, "1.2k"), (1_000_000, "1M")],
)
def test_short_numbers(number: float, text: str) -> None:
    assert say.short(number) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(None, "-"), (0, "0.0"), (0.254, "0.25"), (33.46, "33.5"), (234.4, "234"), (1_234.4, "1,234")]
)
def test_rates(rate: float | None, text: str) -> None:
    assert say.rate(rate) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "-"), (0, 9, "0.0 %"), (1, 1_500, "<0.1 %"), (8_999_999, 9_000_000, "99.9 %"), (9, 9, "100 %")],
)
def test_a_percentage_is_100_only_for_all_of_it_and_0_only_for_none(part: int, whole: int, text: str) -> None:
    assert say.percent(part, whole) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "no price"), (0.0, "$0.00"), (0.00001, "<$0.0001"), (0.00123, "$0.0012"), (1_234.5, "$1,234.50")],
)
def test_money(usd: float | None, text: str) -> None:
    assert say.money(usd) == text


WIDE = st.text(st.sampled_from("ab …日本🙂"), max_size=12)


@given(WIDE, WIDE, st.integers(0, 40))
def test_a_line_never_takes_more_cells_than_it_has(left: str, right: str, cells: int) -> None:
    assert width(crop(line(left, (right, "dim")), cells)) <= cells
    assert width(spread(line(left), line(right), cells)) <= cells


@given(WIDE, st.integers(1, 20))
def test_fit_takes_exactly_its_cells(text: str, cells: int) -> None:
    assert width([(fit(text, cells), "")]) == cells
    assert width([(middle(text, cells), "")]) == cells


def test_a_name_is_cut_in_its_middle_so_that_its_end_tells_it_from_others() -> None:
    path = "reviews/2026/november/part-00017.txt"
    assert middle(path, 14) == "revi…00017.txt"
    assert middle(path, 40) == f"{path:<40}"
    assert middle("日本語の長い名前です", 9) == "日…前です"
    assert [middle("abcdef", cells) for cells in (1, 2, 3, 5)] == ["…", "a…", "…ef", "a…def"]


def test_the_first_line_with_room_is_taken() -> None:
    assert text_of(first_fit([line("long one"), line("short")], 6)) == "short"
    assert text_of(first_fit([line("long one"), line("short")], 3)) == "sh…"
