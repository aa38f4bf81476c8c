"""The hook of a person's config, called by whatever process runs the engine: at each end, on trouble, once each."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.lock import owner

from .shell import CHAT, Shell, until
from .terminal import Terminal

RECORD = """\
name=$(mktemp "$(dirname "$BATCHTOP_WORKSPACE")/called.XXXXXX")
cat > "$name.json"
env | grep -E '^(BATCHTOP_|MY_KEY)' > "$name.part"
mv "$name.part" "$name.env"
"""


@pytest.fixture
def hooked(shell: Shell) -> Shell:
    """Have a config file whose hook writes down what it is told."""
    return with_hook(shell, f"sh {shell.write('record.sh', RECORD)}")


def with_hook(shell: Shell, command: str) -> Shell:
    path = shell.write("my.toml", f"[notify]\nhook = '''{command}'''\n")
    shell.environment["BATCHTOP_CONFIG"] = str(path)
    return shell


def calls(shell: Shell) -> list[dict[str, str]]:
    """Return the variables of each call, oldest first."""
    files = sorted(shell.folder.glob("called.*.env"), key=lambda path: path.stat().st_mtime_ns)
    return [variables(path) for path in files]


def variables(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def told(shell: Shell) -> list[str]:
    return [each["BATCHTOP_EVENT"] for each in calls(shell)]


async def test_the_end_of_a_short_job_is_told_before_the_command_ends(hooked: Shell, provider: Simulator) -> None:
    hooked.job(provider.base_url, rows=5, keys='"MY_KEY"')
    ended = await hooked.headless(env={"MY_KEY": "swordfish-4711"})
    assert ended.code == 0
    (call,) = calls(hooked)
    assert (call["BATCHTOP_JOB"], call["BATCHTOP_EVENT"], call["BATCHTOP_EXIT_CODE"]) == ("job", "finished", "0")
    assert (call["BATCHTOP_DONE"], call["BATCHTOP_FAILED"], call["BATCHTOP_TOTAL"]) == ("5", "0", "5")
    assert call["BATCHTOP_MESSAGE"].startswith("finished: 5 done, 0 failed")
    assert call["BATCHTOP_WORKSPACE"] == str(hooked.db)
    assert "MY_KEY" not in call
    (path,) = hooked.folder.glob("called.*.json")
    assert json.loads(path.read_text())["state"] == "finished"
    assert "hook" not in ended.err


@pytest.mark.parametrize(
    ("behaviour", "limits", "event", "code"),
    [
        ({"poison": "item 3"}, "", "failed", 1),
        ({"keys": ("another",)}, "", "stopped", 4),
        ({}, "cost = 0.01", "stopped", 3),
    ],
    ids=["failed items", "a refused key", "a budget"],
)
async def test_each_kind_of_end_has_its_name(
    hooked: Shell, provider: Simulator, *, behaviour: Mapping[str, object], limits: str, event: str, code: int
) -> None:
    provider.behaviour = Behaviour(**behaviour)  # type: ignore[arg-type]
    priced = f"{CHAT}\nprice_in = 1000\nprice_out = 1000"
    hooked.job(provider.base_url, rows=5, task=priced, keys='"MY_KEY"', limits=limits)
    ended = await hooked.headless(env={"MY_KEY": "k-1"})
    assert ended.code == code, ended.err
    assert told(hooked)[-1] == event
    assert told(hooked).count(event) == 1
    assert calls(hooked)[-1]["BATCHTOP_EXIT_CODE"] == str(code)


async def test_ctrl_c_is_told_as_a_drain(hooked: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    hooked.job(provider.base_url, rows=2_000)
    process = hooked.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 5)
    process.signal(signal.SIGINT)
    assert (await process.end()).code == 130
    assert told(hooked) == ["drained"]


async def test_a_detached_engine_calls_too_and_then_goes(hooked: Shell, provider: Simulator) -> None:
    hooked.job(provider.base_url, rows=5)
    with Terminal(hooked, "run", "job.toml") as terminal:
        await terminal.shows("finished")
        await until(lambda: told(hooked) == ["finished"])
        terminal.type("q")
        assert await terminal.end() == 0
    await until(lambda: owner(hooked.db) is None)
    assert told(hooked) == ["finished"]


async def test_a_lost_workspace_is_told(hooked: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=200)
    hooked.job(provider.base_url, rows=2_000)
    process = hooked.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 300)  # which takes more than a second, and a look
    hooked.db.unlink()
    assert (await process.end()).code == 3
    (call,) = calls(hooked)
    assert (call["BATCHTOP_EVENT"], call["BATCHTOP_JOB"]) == ("stopped", "job")
    assert str(hooked.db.name) in call["BATCHTOP_MESSAGE"]


async def test_a_hook_that_fails_is_told_and_changes_nothing(shell: Shell, provider: Simulator) -> None:
    with_hook(shell, "echo no mail today; exit 3")
    shell.job(provider.base_url, rows=5)
    ended = await shell.headless()
    assert ended.code == 0
    assert "the hook for job (finished) ended with exit code 3: no mail today" in ended.err


async def test_a_hook_that_is_not_there_is_told_at_the_start(shell: Shell, provider: Simulator) -> None:
    with_hook(shell, "nonesuch-program")
    shell.job(provider.base_url, rows=5)
    ended = await shell.headless()
    assert ended.code == 0
    first = ended.err.splitlines()[0]
    assert "my.toml: notify.hook: nonesuch-program is not there, or no program; the jobs run without it" in first


async def test_ctrl_c_ends_a_hook_that_is_waited_for(shell: Shell, provider: Simulator) -> None:
    with_hook(shell, "exec sleep 62")
    shell.job(provider.base_url, rows=5)
    process = shell.start("run", "job.toml", "--no-ui")
    await process.says("waiting for the hook, at most 30 s; Ctrl-C ends it")
    assert owner(shell.db) is None, "the next engine need not wait for it"
    process.signal(signal.SIGINT)
    assert (await process.end(5)).code == 0
    assert not any(
        "62" in each.info["cmdline"][-1:] for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"]
    )


async def test_a_second_engine_that_is_refused_calls_nobody(hooked: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=500)
    hooked.job(provider.base_url, rows=5_000)
    first = hooked.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 5)
    second = await hooked.run("--no-ui")
    assert second.code == 2
    assert told(hooked) == []
    first.signal(signal.SIGINT)
    await first.end()
