"""Coroutine functions on a loop of their own: whatever they do there, the engine's loop goes on."""

import asyncio
import gc
import sqlite3
import sys
import textwrap
import threading
import time

import msgspec
import pytest
from batchtop.engine import Engine, load_job
from batchtop.engine.errors import WorkspaceLostError
from batchtop.engine.outcome import Outcome
from batchtop.engine.taskspec import PythonSpec
from batchtop.engine.transports import Request, TransportError
from batchtop.engine.transports.python import PythonTransport

WORDS = """
import asyncio, contextlib, threading

asked = 0
end = threading.Event()
seen = []

async def f(item):
    global asked
    asked += 1
    match item:
        case {"meet": count}:
            while asked < count: await asyncio.sleep(0)
        case {"block": _}: end.wait(30)
        case {"wait": _}:
            try: await asyncio.sleep(30)
            finally: seen.append("put away")
        case {"stubborn": _}: await stubborn()
        case {"fails at the end": _}:
            try: await asyncio.sleep(30)
            finally: raise ValueError("late")
        case {"child": "exit"}: await asyncio.gather(child(SystemExit(3)), asyncio.sleep(0))
        case {"child": "interrupt"}: await asyncio.gather(child(KeyboardInterrupt()), asyncio.sleep(0))
        case {"child": "alone"}:
            asyncio.create_task(child(SystemExit(3)))
            for _ in range(3): await asyncio.sleep(0)
        case {"cancel": "all"}:
            for task in asyncio.all_tasks(): task.cancel()
            await asyncio.sleep(0)
        case {"stop": _}: asyncio.get_running_loop().stop()
        case {"beside": "stubborn"}: asyncio.create_task(stubborn())
        case {"beside": _}: asyncio.create_task(asyncio.sleep(30))
    return threading.current_thread().name

async def stubborn():
    while not end.is_set():
        with contextlib.suppress(BaseException): await asyncio.sleep(30)

async def child(error):
    raise error
"""


@pytest.fixture
async def transport(tmp_path):
    """A transport to the function above."""
    (tmp_path / "coroutine_words.py").write_text(textwrap.dedent(WORDS))
    before = list(sys.path)
    transport = PythonTransport(PythonSpec(call="coroutine_words:f", path=str(tmp_path)))
    yield transport
    of_module().end.set()
    await transport.aclose()
    sys.path[:] = before
    gc.collect()  # what a task that was left would say, it says now


def threads_of_tasks():
    return sum(thread.name == "batchtop-task" for thread in threading.enumerate())


def of_module():
    return sys.modules["coroutine_words"]


async def send(transport, timeout_s=30.0, **item):
    response = await transport.send(Request("", msgspec.json.encode([item])), timeout_s=timeout_s)
    return msgspec.json.decode(response.body)[0]["output"]


async def failure(call):
    with pytest.raises(TransportError) as raised:
        await call
    return raised.value.outcome, str(raised.value)


async def becomes_so(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what happens in another thread sets no event here)
            await asyncio.sleep(0.001)


async def test_as_many_run_at_once_as_are_asked_for_and_none_of_them_on_the_engines_loop(transport):
    names = await asyncio.gather(*(send(transport, meet=1_000) for _ in range(1_000)))
    assert set(names) == {"batchtop-task"}


async def test_one_that_takes_too_long_is_cancelled(transport):
    assert await failure(send(transport, 0.01, wait=1)) == (Outcome.TIMEOUT, "the function took longer than 0.01 s")
    await becomes_so(lambda: of_module().seen == ["put away"])


async def test_one_that_is_not_waited_for_any_more_is_cancelled(transport, capsys):
    asked = [asyncio.create_task(send(transport, **item)) for item in ({"wait": 1}, {"fails at the end": 1})]
    await becomes_so(lambda: of_module().asked == 2)
    for each in asked:
        each.cancel()
    assert {type(end) for end in await asyncio.gather(*asked, return_exceptions=True)} == {asyncio.CancelledError}
    await send(transport)
    gc.collect()
    assert (of_module().seen, capsys.readouterr().err) == (["put away"], "")


@pytest.mark.parametrize("item", [{"block": 1}, {"stubborn": 1}])
async def test_one_that_does_not_end_is_given_up_and_no_end_waits_for_it(transport, item):
    outcome, _ = await failure(send(transport, 0.01, **item))
    assert outcome is Outcome.TIMEOUT
    begun = time.perf_counter()
    await transport.aclose()
    assert time.perf_counter() - begun < 5


async def test_one_that_will_not_be_cancelled_holds_up_no_other(transport):
    await failure(send(transport, 0.01, stubborn=1))
    assert await send(transport) == "batchtop-task"


async def test_what_is_left_of_a_task_that_will_not_be_cancelled_keeps_nobody_busy(transport):
    await send(transport, beside="stubborn")
    await transport.aclose()
    async with asyncio.timeout(10):
        await asyncio.to_thread(gc.collect)


async def test_while_one_blocks_the_engines_loop_goes_on(transport):
    blocking = asyncio.create_task(send(transport, block=1))
    await becomes_so(lambda: of_module().asked == 1)
    await asyncio.sleep(0)  # here this would never come back
    of_module().end.set()
    assert await blocking == "batchtop-task"


@pytest.mark.parametrize(("item", "told"), [("exit", "SystemExit: 3"), ("interrupt", "KeyboardInterrupt")])
async def test_what_would_end_a_program_ends_only_the_call_that_awaits_it(transport, item, told):
    waiting = asyncio.create_task(send(transport, wait=1))
    outcome, message = await failure(send(transport, child=item))
    assert (outcome, message.startswith(told)) == (Outcome.BAD_ITEM, True)
    assert not waiting.done()
    assert await send(transport) == "batchtop-task"
    waiting.cancel()


@pytest.mark.parametrize("item", [{"child": "alone"}, {"stop": 1}])
async def test_the_loop_goes_on_whatever_leaves_it(transport, item):
    assert await send(transport, **item) == "batchtop-task"
    assert await send(transport) == "batchtop-task"


async def test_one_that_cancels_every_task_hears_of_it(transport):
    assert await failure(send(transport, cancel="all")) == (
        *(Outcome.BAD_ITEM, "the function has cancelled the task that it is called in"),
    )
    assert await send(transport) == "batchtop-task"


async def test_what_is_cancelled_at_the_end_may_put_its_things_away(transport, capsys):
    before = threads_of_tasks() - 1
    waiting = asyncio.create_task(send(transport, wait=1))
    await becomes_so(lambda: of_module().asked == 1)
    await send(transport, beside=1)
    await transport.aclose()
    assert of_module().seen == ["put away"]
    await becomes_so(lambda: threads_of_tasks() == before)
    waiting.cancel()
    gc.collect()
    assert capsys.readouterr().err == ""


async def test_a_job_that_can_not_begin_leaves_no_thread(tmp_path):
    (tmp_path / "coroutine_words.py").write_text("async def f(item): pass")
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "job.toml").write_text(
        '[input]\npath = "in.jsonl"\n[task]\ntype = "python"\ncall = "coroutine_words:f"\n'
    )
    before, threads = list(sys.path), threads_of_tasks()
    async with Engine(tmp_path / "batchtop.db") as engine:
        with sqlite3.connect(engine.path) as db:
            db.execute("CREATE TRIGGER no_job BEFORE INSERT ON jobs BEGIN SELECT raise(ABORT, 'not here'); END")
        with pytest.raises(WorkspaceLostError, match="not here"):
            await engine.submit(load_job(tmp_path / "job.toml"))
        await becomes_so(lambda: threads_of_tasks() == threads)
    db.close()
    sys.path[:] = before
