"""The dials: how values are written and read, how far a key press goes, and which of several values wins."""

from itertools import pairwise

import pytest
from batchtop.engine.dials import Dials
from batchtop.engine.errors import SettingError
from batchtop.engine.settings import (
    DIALS,
    Layer,
    Settings,
    allowed,
    from_environment,
    parse,
    parse_all,
    parse_assignments,
    resolve,
    show,
    stepped,
)
from batchtop.engine.store.reader import as_value
from hypothesis import given
from hypothesis import strategies as st

KEYS = sorted(DIALS)


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("concurrency", 8, 8),
        ("concurrency", 8.0, 8),
        ("concurrency", " 8 ", 8),
        ("tpm", "1_000_000", 1_000_000),
        ("tpm", "1,000,000", 1_000_000),
        ("rpm", "off", 0),
        ("rpm", "Unlimited", 0),
        ("delay", 2, 2.0),
        ("delay", "500ms", 0.5),
        ("delay", ".5", 0.5),
        ("delay", "1.5 s", 1.5),
        ("timeout", "2m", 120.0),
        ("timeout", "1h", 3600.0),
        ("cost", "$5.00", 5.0),
        ("cost", "1,250", 1250.0),
        ("cost", 0, 0.0),
    ],
)
def test_what_people_write(key, raw, value):
    parsed = parse(key, raw)
    assert parsed == value
    assert type(parsed) is (int if DIALS[key].kind == "count" else float)


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("concurrency", 0),
        ("concurrency", 4097),
        ("concurrency", 2.5),
        ("concurrency", "2.5"),
        ("concurrency", "5s"),
        ("concurrency", "off"),
        ("concurrency", ""),
        ("concurrency", True),
        ("concurrency", None),
        ("concurrency", [4]),
        ("rpm", -1),
        ("rpm", "-1"),
        pytest.param("rpm", 10**400, id="huge"),
        ("delay", float("nan")),
        ("delay", float("inf")),
        ("delay", "1e3"),
        ("delay", "5 days"),
        ("delay", "1,5"),
        ("delay", 86_401),
        ("timeout", 0),
        ("cost", "5 s"),
        ("cost", "$"),
    ],
)
def test_what_is_refused_with_the_place_the_key_and_what_it_takes(key, raw):
    with pytest.raises(SettingError) as caught:
        parse(key, raw, where="job.toml")
    assert str(caught.value) == f"job.toml: {key} = {raw!r} is not {allowed(DIALS[key])}"


def test_what_a_dial_takes_is_told_in_words():
    assert allowed(DIALS["concurrency"]) == "a whole number from 1 to 4,096"
    assert allowed(DIALS["rpm"]) == "a whole number from 0 to 10,000,000 (0: no limit)"
    assert allowed(DIALS["delay"]) == "seconds from 0 to 86,400, or a text such as '500ms'"
    assert allowed(DIALS["cost"]) == "an amount in USD from 0 to 1,000,000 (0: no limit)"


def test_an_unknown_key_is_told_with_the_nearest_or_all():
    with pytest.raises(SettingError, match=r"--set: unknown key 'concurency'; did you mean 'concurrency'\?"):
        parse_assignments(["concurency=3"])
    with pytest.raises(SettingError, match="it can be: batch_size, delay"):
        parse("zzz", 1)


@given(key=st.sampled_from(KEYS), raw=st.one_of(st.integers(), st.floats(), st.text(max_size=12), st.none()))
def test_whatever_comes_is_a_value_in_range_or_a_setting_error(key, raw):
    try:
        value = parse(key, raw)
    except SettingError:
        return
    assert DIALS[key].minimum <= value <= DIALS[key].maximum


@given(key=st.sampled_from(KEYS), data=st.data())
def test_what_is_shown_can_be_typed_back(key, data):
    dial = DIALS[key]
    scale = {"count": 1, "seconds": 1000, "usd": 100}[dial.kind]
    most = min(dial.maximum, 999) if dial.kind == "seconds" else dial.maximum  # shown with six digits
    value = parse(key, data.draw(st.integers(int(dial.minimum * scale), int(most * scale))) / scale)
    assert parse(key, show(key, value).replace("no limit", "off")) == pytest.approx(value, rel=1e-12)
    assert as_value(key, float(value)) == value
    assert type(as_value(key, float(value))) is type(value)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("delay", 1.5, "1.5 s"),
        ("delay", 0.05, "50 ms"),
        ("delay", 0.0, "0 s"),
        ("tpm", 1_000_000, "1,000,000"),
        ("rpm", 0, "no limit"),
        ("cost", 5.0, "$5.00"),
        ("chunk_batches", 0, "no limit"),
    ],
)
def test_values_are_shown_with_their_unit(key, value, shown):
    assert show(key, value) == shown


@pytest.mark.parametrize("key", KEYS)
def test_steps_go_through_the_whole_range_and_stop_at_its_ends(key):
    dial = DIALS[key]
    assert all(low < high for low, high in pairwise(dial.steps))
    for step, following in pairwise(dial.steps):
        assert stepped(key, step, 1) == following
        assert stepped(key, following, -1) == step
    assert stepped(key, parse(key, dial.steps[0]), -1) == dial.steps[0] >= dial.minimum
    assert stepped(key, parse(key, dial.maximum), 1) == dial.maximum


@pytest.mark.parametrize(("value", "down", "up"), [(5, 4, 6), (7, 6, 8), (4096, 2000, 4096), (1, 1, 2)])
def test_a_step_from_between_two_goes_to_the_neighbour(value, down, up):
    assert (stepped("concurrency", value, -1), stepped("concurrency", value, 1)) == (down, up)


def test_many_at_once():
    assert parse_all({"rpm": "5", "delay": 1}, where="set") == {"rpm": 5, "delay": 1.0}
    assert parse_assignments(["rpm=5", " delay = 50ms "]) == {"rpm": 5, "delay": 0.05}
    with pytest.raises(SettingError, match=r"--set: 'rpm' is not of the form key=value"):
        parse_assignments(["rpm"])


def test_every_dial_has_an_environment_variable():
    assert from_environment({"BATCHTOP_RPM": "500", "BATCHTOP_DELAY": "", "BATCHTOP_DB": "x.db"}) == {"rpm": 500}
    assert from_environment({dial.env: "1" for dial in DIALS.values()}).keys() == DIALS.keys()
    with pytest.raises(SettingError, match="environment variable BATCHTOP_RPM: rpm = 'many' is not a whole number"):
        from_environment({"BATCHTOP_RPM": "many"})


def test_dials_and_settings_are_the_same_things():
    assert set(DIALS) == set(Settings.__dataclass_fields__)
    for key, dial in DIALS.items():
        assert dial.minimum <= getattr(Settings(), key) <= dial.maximum


class TestPrecedence:
    def test_later_layers_win_and_each_value_knows_its_place(self):
        resolved = resolve([Layer("preset a", {"rpm": 1, "delay": 1.0}), Layer("job file", {"rpm": 2})])
        assert resolved.settings == Settings(rpm=2, delay=1.0)
        assert resolved.origins["rpm"] == "job file"
        assert resolved.origins["delay"] == "preset a"
        assert resolved.origins["concurrency"] == "default"

    def test_a_live_change_wins_and_tells_what_it_changed(self):
        dials = Dials([Layer("--set", {"rpm": 5, "delay": 1.0})], [Layer("live: ann", {"delay": 2.0})])
        assert dials.now.settings == Settings(rpm=5, delay=2.0)
        assert dials.change({"rpm": 9, "delay": 2.0}, "preset b") == {"rpm": (5, 9)}
        assert dials.now.settings == Settings(rpm=9, delay=2.0)
        assert dials.now.origins["delay"] == "preset b", "loaded once more, if with the same value"
        assert dials.live == {"rpm", "delay"}
