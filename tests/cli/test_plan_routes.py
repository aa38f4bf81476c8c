"""What a plan says of a job with rules, or with batches cut by tokens: the split, and the least and most it costs."""

import pytest
from batchtop.cli.plan.planned import facts, planned
from batchtop.cli.plan.text import plan_text
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.plan.survey import survey
from batchtop.engine.settings import Layer
from batchtop.engine.taskspec import ChatSpec, Rule, TaskSpec

ROWS = "".join(f'{{"id": {n}, "text": "{"x" * 10 * n}", "n": {n}}}\n' for n in range(20))
TASK = ChatSpec("large", "{text}", price_in=1.0, price_out=10.0, max_tokens=10)
SMALL = Rule(model="small", price_in=0.1, price_out=1.0, shorter_than=100)


@pytest.fixture
def plan(tmp_path):
    def plan(task: TaskSpec = TASK, *rules: Rule, **settings: float):
        (tmp_path / "in.jsonl").write_text(ROWS)
        asked = ChatSpec(**{name: getattr(task, name) for name in task.__struct_fields__} | {"route": rules})
        spec = JobSpec("job", InputSpec(str(tmp_path / "in.jsonl"), "id"), asked, layers=(Layer("job file", settings),))
        found = survey(tmp_path / "w.db", spec)
        return planned(spec, found, (), workspace=None, fresh=False)

    return plan


def parts(told: dict[str, object]) -> dict[str, tuple[int, dict[str, int]]]:
    routes = told["routes"]
    assert isinstance(routes, list)
    return {each["model"]: (each["items"], each["items_with_escalated"]) for each in routes}


def test_without_a_check_the_split_is_sure(plan):
    told = facts(plan(TASK, SMALL, Rule(model="middle", when="n < 15", price_in=0.5, price_out=5)))
    assert parts(told) == {
        "large": (5, {"low": 5, "likely": 5, "high": 5}),
        "small": (10, {"low": 10, "likely": 10, "high": 10}),
        "middle": (5, {"low": 5, "likely": 5, "high": 5}),
    }
    assert told["requests"] == 20
    assert facts(plan(TASK))["cost_usd"]["high"] > told["cost_usd"]["high"]


def test_what_may_go_on_is_counted_where_it_would_go(plan):
    small = Rule(model="small", price_in=0.1, price_out=1.0, shorter_than=100, escalate_when=("cut",))
    middle = Rule(model="middle", price_in=0.5, price_out=5, when="n % 2 == 0", escalate_when=("cut",))
    found = plan(TASK, small, middle)
    told = facts(found)
    assert parts(told) == {
        "large": (5, {"low": 5, "likely": 6, "high": 20}),
        "small": (10, {"low": 10, "likely": 10, "high": 10}),
        "middle": (5, {"low": 5, "likely": 6, "high": 10}),
    }
    text = plan_text(found, 200)
    assert "5  to large (task), and up to 15 that others don't answer well enough, " in text
    assert "10  to small (task.route[0]), " in text
    low, high = told["cost_usd"]["low"], told["cost_usd"]["high"]
    assert low == pytest.approx(sum(each["cost_usd"]["low"] for each in told["routes"]))
    assert high > 15 * 10 * 10 / 1e6 > low


def test_a_price_that_a_rule_lacks_is_named(plan):
    found = plan(TASK, Rule(model="small"))
    assert found.cost is None
    assert found.missing_prices == ["task.route[0].price_in", "task.route[0].price_out"]


def test_a_rule_that_rows_have_no_field_for_is_told(plan):
    assert "task.route[0] does not fit item" in plan_text(plan(TASK, Rule(model="small", when="size > 3")), 200)


@pytest.mark.parametrize(("tokens", "batches"), [(0, 2), (60, 11), (1, 20)])
def test_batches_are_those_that_a_run_would_cut(plan, tokens, batches):
    assert plan(TASK, batch_size=10, batch_tokens=tokens).found.work.batches == batches
