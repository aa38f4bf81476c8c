"""Jobs that take each other's answers start in their order, and none waits for itself."""

import pytest
from batchtop.engine.errors import UsageError
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.pipeline import check_above, in_order

from .workshop import chat


def stage(name: str, above: str | None = None) -> JobSpec:
    return JobSpec(name, InputSpec(job=above) if above else InputSpec("in.jsonl"), chat())


@pytest.mark.parametrize(
    ("stages", "order"),
    [
        ([stage("b", "a"), stage("a")], "ab"),
        ([stage("c", "b"), stage("b", "a"), stage("a")], "abc"),
        ([stage("d", "a"), stage("c", "b"), stage("a"), stage("x"), stage("b", "a")], "axdbc"),
        ([stage("b", "elsewhere"), stage("a")], "ab"),
    ],
)
def test_whoever_is_waited_for_starts_first(stages: list[JobSpec], order: str):
    assert "".join(job.name for job in in_order(stages)) == order


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([stage("a", "b"), stage("b", "a")], "a: input.job: these jobs wait for each other: a ← b ← a"),
        ([stage("x"), stage("a", "c"), stage("b", "a"), stage("c", "b")], "a ← c ← b ← a"),
        ([stage("x", "a"), stage("a", "b"), stage("b", "a")], "these jobs wait for each other: a ← b ← a"),
        ([stage("a"), stage("a")], "two of these jobs are named a; names have to differ"),
    ],
)
def test_what_can_not_be_put_in_order_is_told(stages: list[JobSpec], told: str):
    with pytest.raises(UsageError) as error:
        in_order(stages)
    assert told in str(error.value)


def test_a_circle_elsewhere_is_nobody_elses():
    check_above("x", {"x": "a", "a": "b", "b": "a"})
