"""What the panels draw: the limit and refusals beside the rates, errors in a stack, latency as a map, resources."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.engine.snapshot import JobState, Sample
from batchtop.engine.store.writer import BACKLOG_LIMIT
from batchtop.tui.widgets import resources
from batchtop.tui.widgets.heat import Heat, round_values, scale_of, shade
from batchtop.tui.widgets.stack import LAYERS, TEXTURES, Stack
from batchtop.tui.widgets.throughput import limit_drawn, speeds
from batchtop.tui.words.errorkinds import Kind, most_frequent
from batchtop.tui.words.line import text_of
from hypothesis import given
from hypothesis import strategies as st

from .busy import busy, busy_samples
from .driving import dashboard
from .fake_source import FakeSource, ended, samples, snapshot
from .test_tui_range import course

# Throughput


@pytest.mark.parametrize(("limit", "drawn"), [((30.0,), True), ((20.0,), True), ((31.0,), False), ((None,), False)])
def test_a_limit_is_drawn_unless_it_would_squash_the_curves(limit: tuple[float | None, ...], *, drawn: bool) -> None:
    assert limit_drawn(limit, ((20.0,), (15.0, None))) is drawn


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (90, "━ 33.5 items/s   ╌ 33.5 requests/s   ┈ limit 35.0/s   ✕ 34 429s"),
        (55, "━ 33.5 items/s  ╌ 33.5 requests/s ┈ of 35.0  ✕ 34 429s"),
        (46, "━ 33.5 items/s   ╌ 33.5 requests/s   ✕ 34 429s"),
        (36, "━ 33.5 items/s   ╌ 33.5 requests/s"),
    ],
)
def test_limit_and_refusals_are_told_where_there_is_room(cells: int, told: str) -> None:
    line = text_of(speeds(busy(), cells, near=True))
    assert line.removesuffix("last 10 s").strip() == told
    assert len(line) <= cells


async def test_a_limit_far_above_the_curves_is_told_and_not_drawn() -> None:
    far = tuple(replace(each, rpm_limit=60_000) for each in busy_samples())
    async with dashboard(FakeSource(busy(samples=far))) as tui:
        assert "↑ limit 1,000/s" in tui.text()
        assert "40/s ┤" in tui.text()
        tui.source.current = busy()
        await tui.until_shown("┈ limit 35.0/s")


async def test_refusals_are_marked_on_the_chart_in_any_range() -> None:
    points = course().points
    hit = tuple(replace(point, errors={"rate_limited": 4} if i == 150 else {}) for i, point in enumerate(points))
    source = FakeSource(busy(), course=replace(course(), points=hit))
    async with dashboard(source) as tui:
        assert tui.line(r"^ +0/s ┤").count("✕") == 3
        await tui.press("T", "T")
        await tui.until_shown(r"Throughput \(all\).*✕ 4 429s")
        marks = tui.line(r"^ +0/s ┤")
        assert 40 <= marks.index("✕") <= 48, "half of the way through"


# Errors


def stacked(*layers: tuple[float | None, ...], charset: str = "ascii", height: int = 5) -> list[str]:
    width = len(layers[0]) // (2 if charset == "braille" else 1)
    picture = Stack(layers).drawn(width, height, charset, str)  # type: ignore[arg-type]
    return ["".join(glyph for glyph, _ in row) for row in picture.rows]


def test_layers_stand_above_each_other() -> None:
    assert stacked((4.0, 1.0, 0.0, None), (0.0, 3.0, 0.0, None)) == ["#o  ", "#o  ", "#o  ", "##  ", "##_ "]


def test_a_texture_tells_a_layer_in_braille_too() -> None:
    rows = stacked((5.0, 5.0), (5.0, 5.0), charset="braille", height=4)
    assert rows[-1] == TEXTURES["braille"][0]
    assert rows[0] == TEXTURES["braille"][1]


@given(
    st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=8, max_size=8), min_size=1, max_size=LAYERS),
    st.sampled_from(["braille", "block", "ascii"]), st.integers(1, 9),
)  # fmt: skip
def test_what_happened_is_always_seen(layers: list[list[float | None]], charset: str, height: int) -> None:
    rows = stacked(*map(tuple, layers), charset=charset, height=height)
    assert {len(row) for row in rows} == {4 if charset == "braille" else 8}
    wide = 2 if charset == "braille" else 1
    for x, glyph in enumerate(rows[-1]):
        known = [layer[x * wide + i] for layer in layers for i in range(wide)]
        assert (glyph == " ") == all(amount is None for amount in known)


def test_kinds_without_room_are_one() -> None:
    found = [Kind(frozenset({name}), name, i, 9 - i) for i, name in enumerate("abcd")]
    kept = most_frequent(found, 2)
    assert [(kind.name, kind.now, kind.ever) for kind in kept] == [("a", 0, 9), ("3 more kinds", 6, 21)]
    assert kept[1].outcomes == set("bcd")


# Latency as a map


def counted(*values_ms: float) -> Histogram:
    histogram = Histogram()
    for value in values_ms:
        histogram.record(value)
    return histogram


def test_a_map_is_darkest_where_most_lie() -> None:
    picture = Heat((counted(*[100.0] * 9, 900.0), None)).drawn(2, 5, "ascii", lambda ms: f"{ms:g}")
    assert ["".join(glyph for glyph, _ in row) for row in picture.rows] == ["- ", "  ", "  ", "@ ", "  "]
    assert picture.names[4] == "50"


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=20), st.integers(1, 30))
def test_every_latency_has_its_row_and_slower_ones_are_no_lower(values: list[float], height: int) -> None:
    scale = scale_of(values, height)
    rows = [scale.row_of(value) for value in sorted(values)]
    assert all(0 <= row < height for row in rows)
    assert rows == sorted(rows, reverse=True)
    named = sorted(scale.names(str))
    assert all(after - before >= 2 for before, after in pairwise(named))


def test_round_values_hold_both_ends() -> None:
    assert round_values(70, 1_300) == [50, 100, 200, 500, 1_000, 2_000]


def test_a_few_are_seen_and_all_are_darkest() -> None:
    assert [shade(share, "░▒▓█")[0] for share in (0.001, 0.1, 0.3, 0.6, 1.0)] == ["░", "▒", "▓", "█", "█"]


async def test_v_turns_latency_into_a_map_and_back_and_the_next_job_keeps_it() -> None:
    async with dashboard(FakeSource(busy()), size=(120, 36)) as tui:
        assert "━ p50" in tui.text()
        await tui.press("v")
        assert "░▒▓█ share " in tui.text()
        assert "latency as a heat map" in tui.text()
        assert tui.line("p50").count("━ p50") == 0
        await tui.press("escape", "enter")
        await tui.until_shown("░▒▓█ share")
        await tui.press("v")
        assert "━ p50" in tui.text()


async def test_a_view_that_has_no_room_is_told() -> None:
    async with dashboard() as tui:
        await tui.press("v")
        assert "heat map, where the terminal has room" in tui.text()


# Resources


def with_last(**changes: object) -> tuple[Sample, ...]:
    made = busy_samples()
    return (*made[:-1], replace(made[-1], **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, {}),
        ({"lag_ms": 340.0}, {"loop lag": "the engine is busy: its loop was 340 ms late"}),
        ({"rss_mb": 1_310.0}, {"memory": "memory is short: 1,310 of 1,500 MB"}),
        ({"backlog": BACKLOG_LIMIT}, {"backlog": f"the disk is slow: {BACKLOG_LIMIT:,} results wait to be written"}),
    ],
)
async def test_what_the_engine_does_not_keep_up_with_is_told_at_every_size(
    changes: dict[str, object], told: dict[str, str]
) -> None:
    now = busy(samples=with_last(**changes))
    assert resources.troubles(now) == told
    for size in ((80, 24), (120, 36), (160, 48)):
        async with dashboard(FakeSource(now), size=size) as tui:
            for text in told.values():
                assert f"▲ {text}"[:36] in tui.text()


def test_an_ended_job_has_peaks_and_a_stalled_engine_tells_nothing() -> None:
    over = replace(ended(), samples=with_last(rss_mb=900.0))
    assert resources.value_of(over, resources.MEMORY) == 900.0
    stalled = busy(taken_at=busy().taken_at + 9)
    assert resources.value_of(stalled, resources.MEMORY) is None
    assert resources.troubles(replace(stalled, samples=with_last(lag_ms=900.0))) == {}


def test_a_loop_that_was_late_some_seconds_ago_still_counts() -> None:
    made = busy_samples()
    late = tuple(replace(each, lag_ms=500.0) if i == len(made) - 6 else each for i, each in enumerate(made))
    assert resources.value_of(busy(samples=late), resources.LAG) == 500.0


@pytest.mark.parametrize("size", [(120, 36), (118, 40)])
async def test_resources_stand_in_the_header_where_they_have_no_panel(size: tuple[int, int]) -> None:
    async with dashboard(FakeSource(busy()), size=size) as tui:
        assert "conn  17  lag  8.0 ms  backlog     3" in tui.text()
        assert "Resources" not in tui.text()


@pytest.mark.parametrize(
    ("name", "size", "keys", "options"),
    [
        ("busy-200x60", (200, 60), "", {}),
        ("busy-120x36", (120, 36), "", {}),
        ("busy-80x24", (80, 24), "", {}),
        ("heat-160x48-ascii", (160, 48), "v", {"ascii_only": True}),
    ],
)
async def test_how_it_looks(
    name: str, size: tuple[int, int], keys: str, options: dict[str, bool], looks_like: Callable[[str, str], None]
) -> None:
    async with dashboard(FakeSource(busy()), size=size, **options) as tui:
        await tui.press(*keys)
        await tui.pilot.pause(0.1)
        looks_like(name, tui.text())


async def test_everything_is_on_a_large_screen_at_once() -> None:
    async with dashboard(FakeSource(busy()), size=(200, 60)) as tui:
        for part in ("Throughput", "Latency", "Errors", "Where the time went", "Rate limits", "Controls", "Resources",
                     "Events", "loop lag", "of 1,500", "memory"):  # fmt: skip
            assert part in tui.text(), part


async def test_nothing_is_known_in_all_of_a_course_without_samples() -> None:
    source = FakeSource(snapshot(samples=(), window_s=inf), course=course(points=0))
    async with dashboard(source, size=(200, 60)) as tui:
        await tui.press("T", "T", "v")
        assert "Resources" in tui.text()
        tui.source.current = replace(snapshot(), job=replace(snapshot().job, state=JobState.PAUSED), samples=samples())
        await tui.read_again()
