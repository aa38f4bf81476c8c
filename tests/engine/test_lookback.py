"""Which states of a lane are kept, and how they stood at a moment of the past."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from batchtop.engine.journal import Journal
from batchtop.engine.lookback import AT_LEAST_EVERY_S, LookBack
from batchtop.engine.snapshot import LaneState
from batchtop.engine.store.history import lanes_at
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer

from .test_journal import SteppedClock
from .workshop import job_of, registered, rows_of

LANE = LaneState("gpt-4o-mini @ host · KEY", rpm_limit=500, limit_source="job")


def kept(states: list[LaneState], lanes: int = 1) -> list[int]:
    """Return at which of these seconds the state of a lane is kept."""
    look_back = LookBack()
    return [second for second, state in enumerate(states) if look_back.keeps(state, float(second), lanes=lanes)]


def busy(second: int) -> LaneState:
    return replace(LANE, requests=second, rpm_used=second % 60)


def test_what_changes_all_the_time_is_kept_every_five_seconds_and_less_often_of_many():
    assert kept([busy(second) for second in range(16)]) == [0, 5, 10, 15]
    assert kept([busy(second) for second in range(41)], lanes=20) == [0, 20, 40]


def test_what_stays_as_it_is_is_kept_now_and_then():
    assert kept([LANE] * 601) == [0, AT_LEAST_EVERY_S, 2 * AT_LEAST_EVERY_S]


@pytest.mark.parametrize(
    "change",
    [{"state": "cooling"}, {"enabled": False}, {"tpm_limit": 9}, {"rpm_limit": 60}, {"limit_source": "server"}],
)
def test_what_a_person_would_look_for_is_kept_at_once(change: dict[str, object]):
    states = [busy(second) for second in range(10)]
    states[7:] = [replace(state, **change) for state in states[7:]]
    assert kept(states) == [0, 5, 7]


def test_a_limit_that_is_learned_changes_all_the_time():
    states = [replace(LANE, limit_source="learned", rpm_limit=400 + second) for second in range(11)]
    assert kept(states) == [0, 5, 10]


def test_the_last_state_of_a_run_is_kept():
    look_back = LookBack()
    assert look_back.keeps(LANE, 0.0, lanes=1)
    assert not look_back.keeps(busy(1), 1.0, lanes=1)
    assert look_back.keeps(busy(2), 2.0, lanes=1, last=True)


START = 1_760_000_000.0


async def test_lanes_stand_as_they_did_at_any_moment(writer: Writer, tmp_path: Path):
    clock, other = SteppedClock(), LaneState("spare @ host")
    job = await registered(writer, job_of(tmp_path / "rows.jsonl"))
    journal = Journal(Log(writer, job), clock)
    for second in range(2_000):
        clock.at = float(second)
        one = replace(busy(second), state="cooling" if second >= 1_203 else "open", cost=0.25)
        journal.lanes(clock.wall(), (one, other), last=second == 1_999)
    await writer.flush()
    clock.at = 10_000.0
    journal = Journal(Log(writer, job), clock)
    journal.lanes(clock.wall(), (LANE,))  # a run after a break, with a lane less
    await writer.flush()

    with closing(connect(writer.path)) as db:

        def at(second: float) -> tuple[LaneState, ...]:
            return lanes_at(db, job, START + second)

        assert at(-1) == ()
        assert at(0) == (replace(busy(0), cost=0.25), other)
        assert at(4.9) == at(0)
        assert at(1_202)[0] == replace(busy(1_200), cost=0.25)
        assert at(1_203)[0] == replace(busy(1_203), state="cooling", cost=0.25)
        assert at(1_999)[0] == at(5_000)[0] == replace(busy(1_999), state="cooling", cost=0.25)
        assert at(1_203)[1] == other, "it has not changed for long"
        assert at(10_000) == at(1e9) == (LANE,)
        assert lanes_at(db, job + 1, START + 1_999) == ()
    ((rows, size),) = rows_of(writer.path, "SELECT count(*), sum(length(state)) FROM lane_samples")
    assert rows < 2_000 / 5 + 2_000 / AT_LEAST_EVERY_S + 10
    assert size / rows < 120, "what is as in any lane is not told"
