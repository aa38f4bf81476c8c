"""Which model has an item first, and which comes next: tables of rules."""

import msgspec
import pytest
from batchtop.engine.errors import SettingError
from batchtop.engine.item import Item
from batchtop.engine.rules import NO_RULES, Rules
from batchtop.engine.taskspec import Fallback, Rule, places, tiers

from .workshop import chat


def rules(*found: Rule, tell=lambda _told: None) -> Rules:
    return Rules(chat(prompt="Say: {text}", model="large", route=found), tell)


def item(rule: int = 0, **fields: object) -> Item:
    return Item(1, "1", fields, rule=rule)


SMALL = {"model": "small"}


@pytest.mark.parametrize(
    ("rule", "fields", "fits"),
    [
        (Rule(**SMALL), {"text": "x"}, 1),
        (Rule(**SMALL, shorter_than=10), {"text": "1234"}, 1),  # "Say: 1234" has 9 characters
        (Rule(**SMALL, shorter_than=10), {"text": "12345"}, 0),
        (Rule(**SMALL, field="note", shorter_than=3), {"text": "long enough", "note": "ab"}, 1),
        (Rule(**SMALL, field="note", shorter_than=3), {"text": "x", "note": "abc"}, 0),
        (Rule(**SMALL, field="kind", values=("faq", "hello")), {"text": "x", "kind": "hello"}, 1),
        (Rule(**SMALL, field="kind", values=("faq", "hello")), {"text": "x", "kind": "essay"}, 0),
        (Rule(**SMALL, field="kind", values=("faq",)), {"text": "x"}, 0),
        (Rule(**SMALL, field="stars", values=(3,)), {"text": "x", "stars": "3"}, 1),  # as a CSV has it
        (Rule(**SMALL, field="stars", values=("3",)), {"text": "x", "stars": 3}, 1),
        (Rule(**SMALL, field="new", values=(True,)), {"text": "x", "new": True}, 1),
        (Rule(**SMALL, field="new", values=(True,)), {"text": "x", "new": 1}, 0),
        (Rule(**SMALL, when="stars >= 3 and len(text) < 5"), {"text": "x", "stars": 4}, 1),
        (Rule(**SMALL, when="stars >= 3 and len(text) < 5"), {"text": "x", "stars": 2}, 0),
        (Rule(**SMALL, when="stars"), {"text": "x", "stars": 0}, 0),
        (
            Rule(**SMALL, field="kind", values=("faq",), when="stars > 3"),
            {"text": "x", "kind": "faq", "stars": 1},
            False,
        ),
        (
            Rule(**SMALL, field="kind", values=("faq",), when="stars > 3"),
            {"text": "x", "kind": "faq", "stars": 4},
            True,
        ),
    ],
)
def test_a_rule_fits_where_all_is_so_that_it_asks_for(rule: Rule, fields: dict[str, object], fits: int):
    assert rules(rule).first(item(**fields)) == fits


LADDER = (Rule(model="tiny", when="n < 10"), Rule(model="small", when="n < 100"), Rule(model="large", when="n == 50"))


@pytest.mark.parametrize(("n", "chain"), [(5, [1, 2, 0]), (50, [2, 0]), (500, [0])])
def test_the_first_rule_has_an_item_and_those_below_follow_to_the_tasks_own_model(n: int, chain: list[int]):
    ladder = rules(*LADDER)
    found = [ladder.first(item(text="x", n=n))]
    while found[-1]:
        found.append(ladder.after(item(found[-1], text="x", n=n)))
    assert found == chain


def test_no_model_is_asked_twice_and_a_rule_may_keep_items_for_the_tasks_own():
    twice = rules(Rule(model="small", when="n < 10"), Rule(model="small"), Rule(model="other"))
    assert twice.after(item(1, text="x", n=5)) == 3
    kept = rules(Rule(model="large", field="vip", values=("yes",)), Rule(model="small"))
    assert [kept.first(item(text="x", vip=vip)) for vip in ("yes", "no")] == [0, 2]


def test_what_a_rule_cannot_be_asked_of_does_not_fit_it_and_is_told_once():
    told: list[str] = []
    found = rules(Rule(model="small", when="starz > 3"), tell=told.append)
    assert [found.first(item(text="x", stars=n)) for n in range(3)] == [0, 0, 0]
    (message,) = told
    assert "task.route[0] does not fit item 1" in message
    assert "the row has no field 'starz'" in message


def test_a_program_that_gives_a_rule_without_sense_is_told_which():
    with pytest.raises(SettingError, match=r"task\.route\[1\]\.when: 'n <' is no expression: "):
        rules(Rule(model="small"), Rule(model="other", when="n <"))


def test_without_rules_an_item_stays_as_it_is():
    one = item(text="x")
    assert NO_RULES.sort(one) is one


def test_a_rule_is_a_whole_task_of_its_own_and_no_tier_to_fall_back_to():
    task = chat("http://a/v1", model="large", api_key_env=("A",), price_in=1.0, price_out=2.0, max_tokens=3)
    rule = Rule(model="small", base_url="http://b/v1", price_in=0.1, price_out=0.2, rpm=60)
    both = msgspec.structs.replace(task, fallback=(Fallback(model="spare"),), route=(rule,))
    own, spare, small = places(both)
    assert own.task == task
    assert (spare.table, spare.tier, spare.rule) == ("task.fallback[0]", 1, 0)
    assert (small.table, small.tier, small.rule) == ("task.route[0]", -1, 1)
    assert (small.task.model, small.task.base_url, small.task.api_key_env) == ("small", "http://b/v1", ())
    assert (small.task.price_in, small.task.price_out) == (0.1, 0.2)
    assert len(tiers(chat(route=(rule,)))) == 1
