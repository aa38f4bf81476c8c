"""An engine that has a workspace and does not answer, or answers under another name of its file."""

import signal
import sys
from collections.abc import AsyncIterator

import pytest
from batchtop.engine.simulator import Simulator
from batchtop.engine.store import commands
from batchtop.engine.store.lock import owner

from .shell import Process, Shell, until

QUICK = """import sys
from batchtop.cli import ask, main, spawn
ask.ANSWER_S = spawn.START_S = 0.5
sys.exit(main.main())
"""
PROGRAM = (sys.executable, "-P", "-c", QUICK)


@pytest.fixture
async def stalled(shell: Shell, provider: Simulator) -> AsyncIterator[Process]:
    """Have an engine that knows a job and does nothing."""
    shell.job(provider.base_url, rows=5, output="")
    assert (await shell.headless()).code == 0
    engine = shell.start("--no-ui")
    await engine.says("serves batchtop.db")
    engine.signal(signal.SIGSTOP)
    yield engine
    engine.signal(signal.SIGCONT)
    engine.signal(signal.SIGTERM)
    await until(lambda: engine.popen.poll() is not None)


async def test_what_it_does_not_take_is_taken_back(shell: Shell, provider: Simulator, stalled: Process) -> None:
    shell.job(provider.base_url, name="other", rows=5, output="")
    ended = await shell.start("run", "other.toml", "--no-ui", program=PROGRAM).end()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"batchtop: batchtop.db: the engine (pid {stalled.pid}) did not answer within 0.5 s; other was not started\n"
    )
    ended = await shell.start("pause", "job", program=PROGRAM).end()
    assert ended.err == "batchtop: batchtop.db: the engine did not answer within 0.5 s; nothing was changed\n"
    stalled.signal(signal.SIGCONT)
    assert "is running here" in (await shell.run("pause", "job")).err, "it answers again, in the order it was asked"
    assert shell.state("other") is None


async def test_nobody_waits_for_a_command_that_is_gone(shell: Shell, stalled: Process) -> None:
    asking = shell.start("pause", "job")
    await until(lambda: b"pause" in wal(shell))
    for path in shell.folder.glob("batchtop.db*"):
        if path.suffix != ".lock":
            path.unlink()
    ended = await asking.end()
    assert (ended.code, ended.out) == (2, "")
    assert "the command is gone" in ended.err


def wal(shell: Shell) -> bytes:
    return b"".join(path.read_bytes() for path in shell.folder.glob("batchtop.db-wal"))


def test_a_command_is_called_back_or_has_its_answer(shell: Shell) -> None:
    taken, left, gone = (commands.send(shell.db, "job", verb, {}, "ann") for verb in ("pause", "drain", "cancel"))
    with commands._open(shell.db) as db:
        db.execute("UPDATE commands SET state = 'applied', answer = 'paused' WHERE id = ?", (taken,))
        db.execute("DELETE FROM commands WHERE id = ?", (gone,))
    assert commands.call_back(shell.db, taken) == commands.Answered(applied=True, message="paused")
    assert commands.call_back(shell.db, left) is None
    assert [commands.call_back(shell.db, number).applied for number in (left, gone)] == [False, False]


async def test_a_link_to_a_workspace_is_the_same_workspace(shell: Shell, provider: Simulator) -> None:
    (shell.folder / "link.db").symlink_to("batchtop.db")
    (shell.folder / "same").symlink_to(shell.folder)
    engine = shell.start("--no-ui", "--db", "link.db")
    await engine.says("serves link.db")
    assert owner(shell.db) == engine.pid
    for name in ("batchtop.db", "link.db", "same/batchtop.db", "same/link.db"):
        ended = await shell.run("--no-ui", "--db", name)
        assert (ended.code, ended.err) == (
            2,
            f"batchtop: {name}: the engine with pid {engine.pid} runs on this workspace\n",
        )
    engine.signal(signal.SIGTERM)
    assert (await engine.end()).code == 130
