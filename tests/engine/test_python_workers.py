"""Worker processes, real ones: what dies in one of them concerns nobody else."""

import asyncio
import os
import textwrap

import msgspec
import psutil
import pytest
from batchtop.engine.errors import TaskError
from batchtop.engine.outcome import Outcome
from batchtop.engine.taskspec import PythonSpec
from batchtop.engine.transports import Request, TransportError
from batchtop.engine.transports.python import PythonTransport

WORDS = """
import os, signal, subprocess, sys, time

print("imported")

def f(item):
    print("called")
    match item:
        case {"exit": code}: os._exit(code)
        case {"signal": number}: os.kill(os.getpid(), number)
        case {"meet": [own, other]}:
            open(own, "w").close()
            while not os.path.exists(other): time.sleep(0.001)
        case {"start": program}:
            subprocess.Popen(program.split())
            time.sleep(100)
        case {"raise": text}: sys.exit(text)
        case {"own": _}: os.kill(os.getpid(), signal.SIGTERM)
    return os.getpid()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "words.py").write_text(WORDS)
    return tmp_path


@pytest.fixture
async def send(folder):
    """Send one item to a pool of two workers, and return what comes; none of the pool's processes is left."""
    transport = PythonTransport(PythonSpec(call="words:f", mode="process", path=str(folder), workers=2))

    async def send(timeout_s=30.0, **item):
        response = await transport.send(Request("", msgspec.json.encode([item])), timeout_s=timeout_s)
        return msgspec.json.decode(response.body)[0]["output"]

    yield send
    await transport.aclose()
    assert workers() == []


def workers():
    return [each.pid for each in psutil.Process().children() if "python.worker" in " ".join(each.cmdline())]


async def failure(call):
    with pytest.raises(TransportError) as raised:
        await call
    return raised.value.outcome, str(raised.value)


async def test_a_worker_that_dies_takes_only_its_own_item_along(send, folder):
    a, b = str(folder / "a"), str(folder / "b")
    other = asyncio.ensure_future(send(meet=[a, b]))  # it is in the middle of its call until all the others are over
    assert await failure(send(signal=11)) == (
        *(Outcome.BAD_ITEM, "the function killed its worker process (exit code -11)"),
    )
    assert await failure(send(exit=3)) == (*(Outcome.BAD_ITEM, "the function killed its worker process (exit code 3)"),)
    _, told = await failure(send(signal=9))
    assert told.endswith("(exit code -9); is there too little memory?")
    assert not other.done()
    (folder / "b").touch()
    assert await other != os.getpid()


async def test_two_calls_run_at_the_same_time_and_prints_are_no_data(send, folder, capfd):
    a, b = str(folder / "a"), str(folder / "b")
    first, second = await asyncio.gather(send(meet=[a, b]), send(meet=[b, a]))
    assert first != second
    assert len(workers()) == 2
    out, err = capfd.readouterr()
    assert (out, sorted(err.split())) == (
        "",
        ["called", "imported"],
    )  # the first worker has the standard error of before


async def test_a_call_that_hangs_ends_with_all_it_started_and_the_worker_is_replaced(send):
    hanging = await send()
    outcome, told = await failure(send(0.5, start="sleep 4711"))
    assert (outcome, told) == (Outcome.TIMEOUT, "the function took longer than 0.5 s")
    assert await send() != hanging
    assert not any("4711" in each.info["cmdline"] for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"])


async def test_neither_an_exit_nor_a_signal_for_all_processes_ends_a_worker(send):
    before = await send()
    assert await failure(send(**{"raise": "enough"})) == (Outcome.BAD_ITEM, "SystemExit: enough (words.py:17)")
    assert await send(own=True) == before


async def test_a_call_that_is_dropped_leaves_no_worker_in_the_middle_of_it(send):
    before = await send()
    dropped = asyncio.ensure_future(send(start="sleep 4712"))
    await asyncio.sleep(0)
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    assert await send() != before


async def test_a_worker_that_hangs_in_its_import_keeps_no_end_waiting(send, folder):
    (folder / "words.py").write_text("import time\ntime.sleep(4715)")
    await failure(send(exit=3))
    waiting = asyncio.ensure_future(send())
    while not workers():  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.01)
    waiting.cancel()  # `send` sees to it that none is left, and the test's own limit that it takes no 300 s


async def test_a_process_that_the_function_forks_does_not_go_on_as_the_worker(folder):
    (folder / "words.py").write_text("import os\ndef f(item): return [os.getpid(), os.fork()]")
    transport = PythonTransport(PythonSpec(call="words:f", mode="process", path=str(folder), workers=1))
    for _ in range(3):
        response = await transport.send(Request("", b"[{}]"), timeout_s=30)
        worker, child = msgspec.json.decode(response.body)[0]["output"]
        assert child != 0
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [worker] == workers()
    await transport.aclose()


async def test_large_items_and_results_pass(folder):
    (folder / "words.py").write_text("def f(items): return [item['text'][::-1] for item in items]")
    transport = PythonTransport(PythonSpec(call="words:f", mode="process", path=str(folder), takes="batch"))
    texts = ["ab" * 2_000_000, "é"]
    body = msgspec.json.encode([{"text": text} for text in texts])
    response = await transport.send(Request("", body), timeout_s=30)
    assert [each["output"] for each in msgspec.json.decode(response.body)] == [text[::-1] for text in texts]
    await transport.aclose()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import nothing_such",
            "task.call: words:f can't be used: ModuleNotFoundError: No module named 'nothing_such'",
        ),
        ("import os\nos._exit(4)", "task.call: words:f can't be used: its import ended the process (exit code 4)"),
        ("async def f(item): pass", "task.mode: words:f is an async function, so it can't be 'process': set 'async'"),
    ],
)
def test_a_function_that_no_worker_can_have_is_told_at_the_start(folder, text, told):
    (folder / "words.py").write_text(textwrap.dedent(text))
    with pytest.raises(TaskError) as raised:
        PythonTransport(PythonSpec(call="words:f", mode="process", path=str(folder)))
    assert str(raised.value).startswith(told)
    assert workers() == []
