from collections.abc import Mapping
from dataclasses import replace

import pytest
from batchtop.engine.hold import Reason
from batchtop.engine.snapshot import JobState, LaneState, Sample, Snapshot
from batchtop.tui.figures import series
from batchtop.tui.words import limiting
from batchtop.tui.words.lane import countdown, quotas, short_names, source_of

from .fake_source import JOB, LANE, START, samples, snapshot


def last(seconds: int, spent: Mapping[str, float], *, requests: int = 0) -> tuple[Sample, ...]:
    """Return a history whose last seconds were spent so."""
    made = samples()
    quiet = [replace(each, items=0, requests=requests, errors={}, spent=dict(spent)) for each in made[-seconds:]]
    return (*made[:-seconds], *quiet)


def minute(spent: Mapping[str, float], **changes: object) -> Snapshot:
    return snapshot(samples=last(60, spent, requests=20), **changes)


def test_the_last_minute_is_added_up() -> None:
    assert series.spent_lately(minute({"in_flight": 15.0, "rpm": 5.0})) == pytest.approx({"in_flight": 900, "rpm": 300})
    assert series.spent_lately(snapshot(samples=())) == {}


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        ({"in_flight": 19.4, "delay": 0.6}, "limited by concurrency: slots are in flight 97 % of the time; raise it"),
        ({"in_flight": 5.0, "delay": 15.0}, "limited by delay: slots rest between batches; lower delay"),
        ({"rpm": 15.0, "in_flight": 5.0}, "limited by RPM: the quota is used; more keys or a higher limit would help"),
        ({"source": 15.0}, "limited by source: no items are ready; a partial batch may wait for max wait"),
        ({"strange": 1.0}, "limited by strange"),
    ],
)  # fmt: skip
def test_what_limits_a_job_is_told_with_what_would_help(spent: dict[str, float], told: str) -> None:
    assert limiting.limit_texts(minute(spent))[0] == told


def test_a_quota_that_is_used_up_limits_though_most_slots_are_in_flight() -> None:
    spent = {"in_flight": 16.0, "rpm": 4.0}
    full = replace(LANE, rpm_used=1_495)
    assert limiting.limiting_lately(minute(spent)) == "in_flight"
    assert limiting.limiting_lately(minute(spent, lanes=(full,))) == "rpm"
    assert limiting.limiting_lately(minute(spent, lanes=(full, replace(LANE, rpm_used=9)))) == "in_flight"
    assert limiting.limiting_lately(minute({"in_flight": 20.0}, lanes=(full,))) == "in_flight"
    resting = replace(LANE, state="paused", rpm_used=9)
    assert limiting.limiting_lately(minute(spent, lanes=(full, resting))) == "rpm"


@pytest.mark.parametrize("trouble", ["breaker", "cooldown", "memory", "budget"])
def test_a_trouble_limits_as_soon_as_it_leads_and_no_longer_than_it_lasts(trouble: str) -> None:
    made = minute({"in_flight": 20.0}).samples
    begun = [replace(each, spent={trouble: 18.0, "in_flight": 2.0}) for each in made[-6:]]
    assert limiting.limiting_lately(snapshot(samples=(*made[:-6], *begun))) == trouble
    over = [replace(each, spent={trouble: 20.0}) for each in made[-50:-10]]
    assert limiting.limiting_lately(snapshot(samples=(*made[:-50], *over, *made[-10:]))) == "in_flight"


def test_what_is_no_trouble_is_measured_over_the_minute() -> None:
    made = minute({"in_flight": 20.0}).samples
    lately = [replace(each, spent={"delay": 18.0, "in_flight": 2.0}) for each in made[-10:]]
    assert limiting.limiting_lately(snapshot(samples=(*made[:-10], *lately))) == "in_flight"


def test_a_limit_of_ones_own_is_to_be_raised() -> None:
    told = limiting.limit_texts(minute({"rpm": 20.0}, lanes=(replace(LANE, limit_source="job"),)))
    assert told[1] == "limited by RPM: raise rpm if the provider allows it"


@pytest.mark.parametrize(
    ("left", "last", "settings", "told"),
    [
        (12, {"in_flight": 3, "target": 20, "spent": {"in_flight": 3.0, "source": 17.0}}, {}, "12 items"),
        (1, {"in_flight": 1, "target": 20, "spent": {"in_flight": 1.0, "source": 19.0}}, {}, "1 item"),
        (20, {"in_flight": 2, "target": 2, "spent": {"in_flight": 2.0}}, {}, "20 items"),
        (900, {"in_flight": 1, "target": 1, "spent": {"in_flight": 1.0}}, {"batch_size": 1_000}, "900 items"),
        (900, {"in_flight": 1, "target": 1, "spent": {"in_flight": 1.0}},
         {"batch_size": 1_000, "batch_tokens": 5_000}, ""),  # a batch may hold fewer
        (21, {"in_flight": 2, "target": 2, "spent": {"in_flight": 2.0}}, {}, ""),
        (12, {"in_flight": 2, "target": 4, "spent": {"in_flight": 2.0, "delay": 2.0}}, {}, ""),  # some wait to be sent
        (12, {"in_flight": 2, "target": 4, "spent": {"in_flight": 1.0, "rpm": 1.0, "source": 2.0}}, {}, ""),
        (12, {"in_flight": 0, "target": 4, "spent": {"source": 4.0}}, {}, ""),
    ],
)  # fmt: skip
def test_nothing_limits_a_job_whose_last_items_are_all_at_the_server(
    left: int, last: dict[str, object], settings: dict[str, int], told: str
) -> None:
    made = minute({"in_flight": 20.0}).samples
    job, dials = replace(JOB, done=JOB.total - JOB.failed - left), snapshot().dials
    dials = replace(dials, settings=replace(dials.settings, **{"batch_size": 10, **settings}))
    at_the_end = snapshot(job=job, dials=dials, samples=(*made[:-1], replace(made[-1], **last)))
    assert limiting.last_ones(at_the_end) == (f"waiting for the last {told}" if told else "")
    if told:
        assert limiting.standing(at_the_end, briefly=False) == f"waiting for the last {told}"
        assert limiting.limiting_lately(at_the_end) == ""
    else:
        assert limiting.limit_texts(at_the_end)[0].startswith("limited by concurrency")
    still_read = replace(at_the_end, job=replace(job, open=True))
    assert limiting.last_ones(still_read) == ""


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("chat", "limited by a queue: earlier ones wait for their turn; more keys would help"),
        ("python", "limited by a queue: earlier ones wait for their turn; more workers would help"),
        ("command", "limited by a queue: earlier ones wait for their turn; more programs would help"),
    ],
)
def test_what_has_no_key_is_not_told_of_keys(task: str, told: str) -> None:
    made = minute({"queue": 20.0}, job=replace(JOB, task=task))
    assert limiting.limit_texts(made)[0] == told
    refused = replace(made, lanes=(replace(LANE, state="refused"),))
    assert limiting.idle(refused) == f"nothing goes out: every {limiting.worker_of(task)} is refused"


@pytest.mark.parametrize("state", [each for each in JobState if each is not JobState.RUNNING])
def test_nothing_limits_a_job_that_does_not_run(state: JobState) -> None:
    still = minute({"rpm": 20.0}, job=replace(JOB, state=state))
    assert (limiting.limit_texts(still), limiting.idle(still)) == ((), "")


def test_every_reason_of_a_hold_has_words_that_fit_the_table() -> None:
    states = {"closed", "ending", "drain", "cancel", "output"}  # never what time is spent on
    for reason in Reason.__args__:
        words = limiting.words_of(reason)
        assert len(words.name) <= 17 or reason in states
        assert reason in states or words.help


@pytest.mark.parametrize(
    ("made", "silent"),
    [
        (last(52, {"in_flight": 20.0}), 52),
        (last(44, {"in_flight": 20.0}), 0),
        (last(52, {"cooldown": 20.0}), 0),
        (last(52, {"in_flight": 20.0}, requests=1), 0),
        ((*last(80, {"chunk": 20.0})[:-20], *last(20, {"in_flight": 20.0})[-20:]), 0),
        ((), 0),
    ],
    ids=["silent", "not yet", "nothing sent", "answered", "sent just now", "new"],
)
def test_silence_counts_only_while_something_is_at_the_server(made: tuple[Sample, ...], silent: float) -> None:
    assert series.silent_s(snapshot(samples=made)) == silent


def test_a_silence_longer_than_what_was_read_is_told_as_such() -> None:
    made = last(60, {"in_flight": 20.0})
    assert limiting.silence(snapshot(samples=made)).startswith("no answer for 1m 00s,")
    assert limiting.silence(snapshot(samples=made[-60:])).startswith("no answer for over 1m 00s,")
    young = replace(JOB, started_at=START - 61)
    assert limiting.silence(snapshot(samples=made[-60:], job=young)).startswith("no answer for 1m 00s,")


def test_a_paused_job_is_not_silent_and_an_engine_that_hangs_is_another_matter() -> None:
    made = last(52, {"in_flight": 20.0})
    assert series.silent_s(snapshot(samples=made, job=replace(JOB, state=JobState.PAUSED))) == 0
    assert series.silent_s(snapshot(samples=made, job=replace(JOB, state=JobState.DRAINING))) == 52
    hung = replace(snapshot().engine, heartbeat_at=START - 9)
    assert series.silent_s(snapshot(samples=made, engine=hung)) == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"samples": last(10, {"chunk": 20.0})}, "nothing goes out: chunk pause"),
        ({"samples": last(10, {"chunk": 20.0, "in_flight": 0.1})}, ""),
        ({"samples": last(10, {"rpd": 20.0})}, "nothing goes out: waiting for RPD"),
        ({"lanes": (replace(LANE, state="cooling", reset_at=START + 23),)},
         "nothing goes out: cooling, next try in 23 s"),
        ({"lanes": (replace(LANE, state="paused", reset_at=START + 840),)},
         "nothing goes out: set aside, next try in 14m 00s"),
        ({"lanes": (replace(LANE, state="cooling", reset_at=START + 23), LANE)}, ""),
        ({"lanes": (replace(LANE, state="refused"), replace(LANE, state="broken", reset_at=None))},
         "nothing goes out: breaker open, a try is under way"),
        ({"lanes": (replace(LANE, state="refused"),)}, "nothing goes out: every key is refused"),
    ],
)  # fmt: skip
def test_why_nothing_goes_out(changes: dict[str, object], told: str) -> None:
    assert limiting.idle(snapshot(**changes)) == told


def test_shares_are_told_in_one_line() -> None:
    assert limiting.shares_text({"in_flight": 81, "rpm": 14, "delay": 4.9, "sink": 0.1}) == (
        "in flight 81 %, RPM 14 %, delay 5 %"
    )
    assert limiting.shares_text({}) == ""
    told = [limiting.percent(share) for share in (0, 0.004, 0.01, 0.996, 1)]
    assert told == ["0 %", "<1 %", "1 %", "100 %", "100 %"]


def test_a_lane_in_words() -> None:
    assert [name for name, *_ in quotas(LaneState("x"))] == ["RPM", "TPM"]
    assert [name for name, *_ in quotas(LaneState("x", tpm_in_limit=1, rpd_limit=1))] == ["RPM", "TPM in", "RPD"]
    assert source_of(LaneState("x", limit_source="learned")) == "pace learned from 429s"
    assert countdown(LaneState("x", "broken", reset_at=START + 5), START) == "next try in 5 s"
    assert countdown(LaneState("x", reset_at=START + 5), START) == "reset in 5 s"
    assert countdown(LaneState("x", "cooling", reset_at=START - 5), START) == ""
    assert short_names(["m @ h · A", "m @ h · B"]) == {"m @ h · A": "A", "m @ h · B": "B"}
    assert short_names(["m @ h · A", "n @ h · B", "n @ h"])["n @ h"] == "n @ h"
    assert short_names(["m @ h · A"]) == {"m @ h · A": "m @ h · A"}
