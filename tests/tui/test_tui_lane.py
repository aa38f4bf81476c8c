"""What is told of a lane wherever it is told: a lane that is switched off counts for nothing."""

from dataclasses import replace

from batchtop.engine.snapshot import LaneState
from batchtop.tui.widgets.lanes import lane_block, lane_line, lane_rows, tail
from batchtop.tui.words.lane import Total, countdown, fullest, in_use, pressure, quotas, standing, total_of
from batchtop.tui.words.line import text_of
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Size

from .fake_source import LANE, START, snapshot

OFF = replace(LANE, name="off", enabled=False, rpm_used=1_500, state="cooling", reset_at=START + 9)


def test_a_lane_that_is_off_is_off_whatever_it_was() -> None:
    assert [standing(each) for each in (OFF, LANE, replace(LANE, state="broken"))] == ["off", "open", "broken"]
    assert countdown(OFF, START) == ""
    assert in_use([OFF, LANE]) == [LANE]
    cooling = replace(LANE, state="cooling")
    assert in_use([replace(OFF, state="open"), cooling]) == [cooling]
    assert in_use([OFF]) == [OFF]


def test_lanes_are_ordered_by_how_they_stand_and_then_by_how_full_they_are() -> None:
    full = replace(LANE, rpm_used=1_500)
    states = [LaneState("x", state) for state in ("refused", "broken", "paused", "cooling")]
    worst = [*states, full, LANE, LaneState("x"), OFF]
    mixed = worst[::-1]
    assert sorted(mixed, key=pressure, reverse=True) == worst
    assert pressure(LaneState("x", "never heard of")) == pressure(states[0])


def test_the_quota_used_most_is_told() -> None:
    lane = LaneState("x", rpm_used=9, tpm_in_limit=100, tpm_in_used=90, tpm_out_limit=10, tpm_out_used=5)
    assert fullest(lane) == ("TPM in", 90, 100)
    assert fullest(lane, "TPM", "TPM out") == ("TPM out", 5, 10)
    assert fullest(lane, "RPM") is None
    assert [name for name, *_ in quotas(lane)] == ["RPM", "TPM in", "TPM out"]


def test_what_lanes_did_together() -> None:
    priced = LaneState("a", requests=2, tokens_in=30, tokens_out=4, cost=0.5)
    assert total_of([priced, LaneState("b", requests=1)]) == Total(3, 30, 4, 0.5)
    assert total_of([LaneState("b")]) == Total(0, 0, 0, None)


def test_the_panel_tells_that_a_lane_is_off_and_gives_its_room_to_the_others() -> None:
    assert [text_of(each).split() for each in lane_block(OFF, START, 40)] == [["off", "○", "off"]]
    rows = lane_rows([LANE, replace(LANE, name="second"), OFF], START, Size(60, 3))
    assert text_of(rows[-1]).split() == ["○", "off", "off"]
    told = text_of(lane_line(snapshot(lanes=(OFF, LANE)), 80))
    assert told.startswith("● 1 open ○ 1 off  RPM 1,391/1,500")
    assert "next try" not in told


@given(st.text(), st.integers(2, 40))
def test_a_name_is_cut_at_its_beginning_to_exactly_its_cells(name: str, cells: int) -> None:
    assert cell_len(tail(name, cells)) == cells
