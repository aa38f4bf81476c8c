"""When streamed answers begin, beside their latency."""

from dataclasses import replace

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.tui.widgets.latency import latencies

from .fake_source import snapshot


def shown(began_ms: float | None, cells: int) -> str:
    shot = snapshot()
    first = Histogram()
    if began_ms is not None:
        first.record(began_ms)
    shot = replace(shot, samples=tuple(replace(each, first=first) for each in shot.samples))
    return "".join(text for text, _ in latencies(shot, cells))


@pytest.mark.parametrize(("began_ms", "cells", "told"), [(40.0, 100, True), (40.0, 40, False), (None, 100, False)])
def test_it_is_told_of_streams_where_there_is_room(began_ms, cells, told):
    text = shown(began_ms, cells)
    assert ("first 40 ms" in text) is told
    assert "p50" in text
