"""One call of the hook: what it is told, that it can hold up nothing, and what is said when it fails."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from batchtop.cli.hook import Call, call, environment, problem, run
from batchtop.engine.snapshot import JobState
from batchtop.tui.words.notices import Notice

from ..tui.fake_source import ended, snapshot
from .shell import until

ENV = {"PATH": "/usr/bin:/bin"}
TOLD = Call({"BATCHTOP_JOB": "reviews"}, b'{"job": "reviews"}\n')


async def called(command: str, limit_s: float = 10.0) -> str:
    return await run(command, TOLD, environment(TOLD, ENV, ()), limit_s)


async def test_a_call_has_its_variables_and_the_job_on_standard_input(tmp_path: Path) -> None:
    assert await called(f'cat > {tmp_path}/in; echo "job: $BATCHTOP_JOB" > {tmp_path}/out') == ""
    assert (tmp_path / "in").read_bytes() == TOLD.job
    assert (tmp_path / "out").read_text() == "job: reviews\n"


def test_what_is_told_of_a_job(tmp_path: Path) -> None:
    stopped = ended(JobState.STOPPED, "the budget is used up")
    told = call(Notice("reviews", "stopped", "stopped: the budget is used up"), stopped, tmp_path / "b.db")
    assert told.variables == {
        "BATCHTOP_JOB": "reviews",
        "BATCHTOP_EVENT": "stopped",
        "BATCHTOP_MESSAGE": "stopped: the budget is used up",
        "BATCHTOP_DONE": "8988",
        "BATCHTOP_FAILED": "12",
        "BATCHTOP_TOTAL": "9000",
        "BATCHTOP_EXIT_CODE": "1",
        "BATCHTOP_WORKSPACE": str(tmp_path / "b.db"),
    }
    job = json.loads(told.job)
    assert (job["state"], job["done"], job["reason"]) == ("stopped", 8988, "the budget is used up")
    running = call(Notice("reviews", "trouble", "no answer"), snapshot(), tmp_path / "b.db")
    assert running.variables["BATCHTOP_EXIT_CODE"] == ""


def test_the_variables_that_hold_keys_are_not_passed_on() -> None:
    base = {"PATH": "/bin", "MY_KEY": "swordfish", "BATCHTOP_JOB": "another"}
    assert environment(TOLD, base, {"MY_KEY"}) == {"PATH": "/bin", "BATCHTOP_JOB": "reviews"}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("exit 3", "ended with exit code 3"),
        ("echo 'no such \033[31muser'; exit 1", "ended with exit code 1: no such user"),
        ("echo said >&2; false", "ended with exit code 1: said"),
        ("/nonexistent/hook", "ended with exit code 127: "),
        ("head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 9", "end"),
        ("echo key sk-proj-1234567890abcdef; exit 1", "ended with exit code 1: key ***"),
        ("exec </dev/null; echo fine", ""),
    ],
)
async def test_only_a_failure_is_told_and_what_was_said_with_it(command: str, told: str) -> None:
    said = await called(command)
    assert told in said
    assert (said == "") is (told == "")
    assert "\x1b" not in said
    assert len(said) < 3_000


async def test_one_that_says_too_much_is_ended_before_the_disk_is_full() -> None:
    begun = time.monotonic()
    assert (await called("yes")).startswith("said more than 10 MB and was ended: y y")
    assert time.monotonic() - begun < 5


async def test_one_that_no_shell_could_be_given_is_said() -> None:
    assert (await called("a\0b")).startswith("can't be run: ")


async def test_no_room_for_what_is_told_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    assert await called("true") == "can't be run: No such file or directory"


async def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    said = await called(f"sleep 60 & echo $! > {tmp_path}/pid; trap '' TERM; wait", limit_s=0.5)
    assert said == "took longer than 0.5 s and was ended"
    assert time.monotonic() - began < 5
    child = int((tmp_path / "pid").read_text())
    await until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


async def test_the_loop_goes_on_meanwhile() -> None:
    calling = asyncio.create_task(called("sleep 0.3"))
    turns = 0
    while not calling.done():
        turns += 1
        await asyncio.sleep(0.01)
    assert turns > 10
    assert await calling == ""


async def test_one_that_is_given_up_is_ended() -> None:
    calling = asyncio.create_task(called("exec sleep 61"))
    me = psutil.Process()
    await until(lambda: any("61" in each.cmdline() for each in me.children()))
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert not any("61" in each.cmdline() for each in me.children())


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("true", ""),
        ("cd /tmp && nonesuch", ""),
        ("test -n x", ""),
        ("A=1 B='x y' sh -c true", ""),
        ("$HOME/bin/x", ""),
        ("{ true; }", ""),
        ("nonesuch-program --flag", "nonesuch-program is not there, or no program"),
        ("A=1 /nonexistent/hook", "/nonexistent/hook is not there, or no program"),
        ("~/nonexistent-hook", "nonexistent-hook is not there, or no program"),
        ("echo 'never closed", "is no command line: "),
        ("if true", "is no command line: "),
        ("a\0b", "is no command line: "),
        ("x" * 200_000, "is no command line: "),
        ("~nobody-of-that-name/hook", ""),
    ],
)
def test_what_can_be_known_beforehand(command: str, told: str) -> None:
    said = problem(command)
    assert told in said
    assert (said == "") is (told == "")
