from dataclasses import replace

from batchtop.engine.settings import DIALS, Settings
from batchtop.tui import tuning
from batchtop.tui.tuning import ORDER, Tuning, Wish

NOW = Settings(concurrency=10)


def test_every_dial_has_its_place() -> None:
    assert set(ORDER) == set(DIALS)


def test_quick_steps_add_up_on_what_was_asked() -> None:
    state = Tuning(chosen="concurrency")
    for expected in (12, 16, 20):
        value = tuning.stepped(state, NOW, 1)
        assert value == expected
        state = state.wished({"concurrency": value})
    assert tuning.stepped(state, NOW, -1) == 16


def test_a_confirmed_wish_stays_until_a_snapshot_shows_it() -> None:
    state = Tuning().wished({"concurrency": 20}).confirmed({"concurrency": 20}, at=100.0)
    assert state.seen(NOW, 100.1).wishes == {"concurrency": Wish(20, 100.0)}
    assert state.seen(replace(NOW, concurrency=20), 100.1).wishes == {}
    assert state.seen(NOW, 101.5).wishes == {}, "someone else changed it meanwhile"


def test_an_open_wish_outlives_snapshots() -> None:
    state = Tuning().wished({"concurrency": 20})
    assert state.seen(NOW, 999.0) is state


def test_an_answer_to_an_older_value_leaves_the_newer_wish_alone() -> None:
    state = Tuning().wished({"concurrency": 12}).wished({"concurrency": 16})
    assert state.refused({"concurrency": 12}, "no").wishes == {"concurrency": Wish(16)}
    assert state.confirmed({"concurrency": 12}, at=1.0).wishes == {"concurrency": Wish(16)}


def test_a_refusal_says_why_until_a_dial_is_chosen() -> None:
    state = Tuning().wished({"delay": 1.0}).refused({"delay": 1.0}, "the job has ended")
    assert (state.wishes, state.note, state.note_tone) == ({}, "the job has ended", "error")
    assert state.move(1).note == ""


def test_choosing_stops_at_both_ends() -> None:
    assert Tuning().move(-1).chosen == ORDER[0]
    assert Tuning(chosen=ORDER[-1]).move(1).chosen == ORDER[-1]


def test_differences_leave_out_what_stays() -> None:
    assert tuning.differences(NOW, {"concurrency": 10, "delay": 2.0}) == {"delay": 2.0}
