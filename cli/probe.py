"""One real item answered as the job would have it answered, by the task's own transport."""

import asyncio
import time
from collections.abc import Iterator
from typing import NoReturn

from ..engine.answer import Answer
from ..engine.errors import AuthError, InputError, StoppedError
from ..engine.item import Item
from ..engine.job import JobSpec
from ..engine.outcome import REFUSED, Outcome
from ..engine.price import cost_usd
from ..engine.settings import resolve
from ..engine.tasks import Call, Reply, build_task
from ..engine.text import clean
from ..engine.transports import TransportError, open_worker
from ..engine.transports.http import open_http
from ..engine.vector import json_of
from ..tui.words.format import latency, money


class Probe:
    """Whatever does a job's work; made, it is known to be there. Raises BatchtopError."""

    def __init__(self, spec: JobSpec, key: str | None) -> None:
        self._spec = spec
        self._task = build_task(spec.task, key)
        self._timeout_s = resolve(spec.layers).settings.timeout
        self._transport = open_worker(spec.task) or open_http()

    def answer(self, item: Item) -> Iterator[str]:
        """Have an item answered, and yield what came back, and how soon."""
        (call,) = self._task.plan([item]).calls
        reply, elapsed_ms = asyncio.run(self._exchange(call))
        yield answered(item, reply)
        price = cost_usd(self._spec.task, reply.usage)
        yield latency(elapsed_ms) + (f", {money(price)}" if price else "")

    async def _exchange(self, call: Call) -> tuple[Reply, float]:
        begun = time.perf_counter()
        try:
            reply = self._task.read(call, await self._transport.send(call.request, timeout_s=self._timeout_s))
        except TransportError as error:
            reply = Reply(error.outcome, (Answer(error.outcome),), message=str(error))
        elapsed_ms = (time.perf_counter() - begun) * 1000
        await self._transport.aclose()
        return reply, elapsed_ms


def answered(item: Item, reply: Reply) -> str:
    """Return what an item was answered, in words; raises what a bad answer means."""
    if reply.outcome is not Outcome.OK:
        refuse(reply.outcome, reply.message)
    return f"item {item.key}: {clean(json_of(reply.answers[0].output).decode(), 160)}"


def refuse(outcome: Outcome, message: str) -> NoReturn:
    """Raise what a bad answer means, with the exit code that a run would end with."""
    if outcome in REFUSED:
        raise AuthError(message)
    error = InputError if outcome is Outcome.BAD_ITEM else StoppedError
    raise error(f"the first item was not answered: {outcome.value.replace('_', ' ')}: {message}")
