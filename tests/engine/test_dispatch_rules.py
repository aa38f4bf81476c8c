"""The loop of a job with rules, in virtual time: no model holds up items of another, trouble ends at the own one."""

from collections import Counter

import pytest
from batchtop.engine.item import Item
from batchtop.engine.limits import Limits
from batchtop.engine.outcome import Outcome
from batchtop.engine.route import in_use, nearest
from batchtop.engine.rules import Rules
from batchtop.engine.taskspec import Rule
from batchtop.engine.testing import Asked, FakeTransport, answered, dropped, refused
from batchtop.engine.transports import Response, TransportError

from .test_dispatch import CHAT, START, Job, now
from .workshop import chat

pytestmark = pytest.mark.looptime(start=START, noop_cycles=0)


def with_rule(job: Job, count: int, ruled: int) -> Job:
    """Make the second way of a job that of a rule, which the first `ruled` items go by."""
    _, second = job.loop._routes
    second.tier, second.rules, second.model = -1, (1,), "small"
    job.loop._sender.rules = Rules(chat(route=(Rule(model="small"),)))
    items = [Item(row, str(row), {"text": f"text {row}"}, rule=int(row < ruled)) for row in range(count)]
    job.loop.batcher.add(items, now())
    job.close()
    return job


def by(job: Job, key: str) -> list[Asked]:
    return [asked for asked in job.provider.asked if asked.key == key]


async def test_a_model_at_its_limit_does_not_hold_back_the_items_of_another():
    job = Job(task=CHAT, provider=FakeTransport(latency_s=lambda _: 0.1), keys=("own", "rule"), concurrency=4)
    job.lanes[1].configure(Limits(rpm=60))
    await (await with_rule(job, 40, 20).prove()).run()
    assert (len(by(job, "own")), len(by(job, "rule"))) == (20, 20)
    assert by(job, "own")[-1].at - START < 2
    assert 15 < by(job, "rule")[-1].at - START < 25, "a request a second"
    assert Counter(job.ends().values()) == {Outcome.OK: 40}


async def test_while_a_rules_model_is_down_its_items_go_to_the_tasks_own_and_back_again():
    def script(asked: Asked) -> Response | TransportError:
        down = asked.key == "rule" and 5 <= asked.at - START < 30
        return dropped() if down else answered(asked)

    provider = FakeTransport(script, latency_s=lambda _: 0.5)
    job = Job(task=CHAT, provider=provider, keys=("own", "rule"), concurrency=5)
    await (await with_rule(job, 800, 800).prove()).run()
    assert Counter(job.ends().values()) == {Outcome.OK: 800}
    assert not [asked for asked in by(job, "own") if asked.at - START < 5], "only in trouble"
    assert len([asked for asked in by(job, "own") if 10 <= asked.at - START < 30]) > 0.7 * 20 * 5 / 0.5
    assert not [asked for asked in by(job, "own") if asked.at - START > 45], "back at its own place"
    assert {each.model for each in job.books.settlements} == {"", "small"}


async def test_items_of_no_rule_never_go_where_only_rules_send():
    def script(asked: Asked) -> Response:
        return refused(401, "invalid_api_key") if asked.key == "own" else answered(asked)

    job = with_rule(Job(task=CHAT, provider=FakeTransport(script), keys=("own", "rule")), 20, 10)
    await job.run()
    assert job.loop.stop is not None, "without the task's own model the job can't be done"
    assert all(each.item.rule == 1 for each in job.books.settlements)


async def test_the_ways_in_use_are_those_of_every_rule():
    job = with_rule(Job(task=CHAT, keys=("own", "rule")), 0, 0)
    own, rule = job.loop._routes
    assert (nearest([own, rule]), nearest([own, rule], 1)) == (own, rule)
    assert in_use([own, rule]) == [own, rule]
    rule.enabled = False
    assert nearest([own, rule], 1) is own
