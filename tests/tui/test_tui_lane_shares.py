"""What a lane tells of its share of the items, where rules or keys share the work."""

from dataclasses import replace

import pytest
from batchtop.engine.snapshot import LaneState
from batchtop.tui.widgets.lanefacts import lane_lines, lane_text
from batchtop.tui.words.lane import items_of, shares, total_of
from batchtop.tui.words.line import text_of
from textual.geometry import Size

LARGE = LaneState("large @ host", requests=35, items=30, cost=1.0)
SMALL = LaneState("small @ host", requests=75, items=70, escalated=5, cost=0.1)


@pytest.mark.parametrize(
    ("lane", "items", "told"),
    [
        (LARGE, 100, ["30.0 % of the items"]),
        (SMALL, 100, ["70.0 % of the items", "5 sent on to another model"]),
        (LARGE, 30, []),
        (replace(SMALL, items=0), 0, ["5 sent on to another model"]),
        (LaneState("new"), 100, []),
        (LaneState("new"), 0, []),
    ],
)
def test_a_share_is_told_where_there_is_more_than_one(lane: LaneState, items: int, told: list[str]):
    assert shares(lane, items) == told


def test_a_lane_in_full_says_it_in_the_dashboard_and_on_the_clipboard():
    total = total_of([LARGE, SMALL])
    assert total.items == items_of([LARGE, SMALL]) == 100
    told = "75 requests (68.1 % of all), 70.0 % of the items, 5 sent on to another model"
    assert any(told in text_of(each) for each in lane_lines(SMALL, total, 0.0, Size(200, 12)))
    assert told in lane_text(SMALL, total, 0.0)
