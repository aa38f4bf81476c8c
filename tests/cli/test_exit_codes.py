"""How each kind of bad news ends: one clear line on standard error, and the exit code that scripts rely on."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import CHAT, EMBEDDINGS, PROGRAM, Ended, Shell, once, until

NOWHERE = "http://127.0.0.1:9/v1"
KEY = "swordfish-4711"


def one_line(ended: Ended) -> str:
    """Return the last thing said, which alone says what is wrong."""
    *before, line = ended.err.splitlines()
    assert (ended.out, [each for each in before if " job: " not in each or "error" in each]) == ("", [])
    assert line.startswith("batchtop: ")
    return line.removeprefix("batchtop: ")


# ── 2: bad usage or job file, told before anything starts ──

EDITS = {
    "bad syntax": ('model = "gpt-4o-mini"', "model = ", ["job.toml", "line 6"]),
    "unknown key": ("model =", "modle =", ["job.toml", "task.modle", "did you mean 'model'"]),
    "unknown setting": ("[settings]", "[settings]\nconcurency = 3", ["settings.concurency", "'concurrency'"]),
    "ill-typed value": ("[settings]", '[settings]\ndelay = "soon"', ["settings.delay", "'soon'"]),
    "out of range": ("[settings]", "[settings]\nconcurrency = 0", ["settings.concurrency", "1"]),
    "wrong table": ("[settings]", "[settings]\nrpm = 3", ["settings.rpm", "[limits]"]),
    "unknown preset": ("[settings]", '[settings]\npreset = "agressive"', ["'agressive'", "'aggressive'"]),
    "missing field": ("{text}", "{txet}", ["in.jsonl", "first item", "'txet'"]),
    "missing input": ("in.jsonl", "on.jsonl", ["on.jsonl", "No such file"]),
    "no id": ('id = "id"', 'id = "ip"', ["in.jsonl, line 1", "'ip'", "id, text"]),
    "no folder for the output": ("out.jsonl", "gone/out.jsonl", ["gone/out.jsonl", "there is no folder"]),
    "a folder as output": ("out.jsonl", "home", ["home", "is a folder"]),
    "output is the input": ("out.jsonl", "in.jsonl", ["output.path", "input.path"]),
    "a budget without prices": ("[limits]", "[limits]\ncost = 5", ["limits.cost", "task.price_in"]),
}


@pytest.mark.parametrize("case", EDITS)
async def test_a_bad_job_file_is_2_and_one_line(shell: Shell, case: str) -> None:
    old, new, named = EDITS[case]
    path = shell.job(NOWHERE, rows=2)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    ended = await shell.headless()
    assert ended.code == 2
    said = one_line(ended)
    for part in named:
        assert part in said


INPUTS = {
    "empty": ("", ["in.jsonl", "no rows"]),
    "blank lines only": ("\n\n", ["in.jsonl", "no rows"]),
    "malformed first row": ('{"id": 1, "text": \n', ["in.jsonl, line 1"]),
    "no object": ("[1, 2]\n", ["in.jsonl, line 1", "'[1, 2]'"]),
    "malformed later row": ('{"id": 1, "text": "a"}\n{"id": 2, "text": "b}\n', ["in.jsonl, line 2"]),
    "an id twice": ('{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', ["in.jsonl", "line 2", "line 1", "id 1"]),
    "not utf-8": (b'{"id": 1, "text": "\xff"}\n'.decode("latin-1"), ["in.jsonl, line 1", "UTF-8"]),
}


@pytest.mark.parametrize("case", INPUTS)
async def test_a_bad_input_is_2_and_names_the_line(shell: Shell, provider: Simulator, case: str) -> None:
    text, named = INPUTS[case]
    shell.job(provider.base_url)
    (shell.folder / "in.jsonl").write_bytes(text.encode("latin-1"))
    ended = await shell.headless()
    assert ended.code == 2
    for part in named:
        assert part in one_line(ended)
    assert provider.arrivals == []


@pytest.mark.parametrize(("word", "meant"), [("exprot", "did you mean 'export'?"), ("reviews.tml", "it can be: run, ")])
async def test_a_word_that_is_no_command_is_2_and_says_what_one_is(shell: Shell, word: str, meant: str) -> None:
    ended = await shell.run(word)
    assert ended.code == 2
    assert one_line(ended).startswith(f"'{word}' is no command, and the name of a job file ends with .toml; {meant}")


async def test_a_missing_job_file_is_2(shell: Shell) -> None:
    ended = await shell.headless("gone.toml")
    assert ended.code == 2
    assert one_line(ended) == "gone.toml: can't be read: No such file or directory"


async def test_a_name_with_an_escape_in_it_is_told_without_it(shell: Shell) -> None:
    ended = await shell.run("run", "\x1b[31mred.toml", "--no-ui")
    assert ended.code == 2
    assert "red.toml" in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("words", [["--set", "concurrency"], ["--set", "speed=3"], ["--preset", "fast"]])
async def test_a_bad_option_is_2(shell: Shell, words: list[str]) -> None:
    shell.job(NOWHERE, rows=2)
    ended = await shell.headless("job.toml", *words)
    assert ended.code == 2
    assert words[1].partition("=")[0] in one_line(ended)


@pytest.mark.parametrize("words", [["run"], ["set", "job"], ["run", "job.toml", "--wrong"]])
async def test_bad_usage_is_2(shell: Shell, words: list[str]) -> None:
    ended = await shell.run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: ")


async def test_a_bad_variable_is_2_and_named(shell: Shell) -> None:
    shell.job(NOWHERE, rows=2)
    ended = await shell.headless(env={"BATCHTOP_CONCURRENCY": "many"})
    assert ended.code == 2
    assert "BATCHTOP_CONCURRENCY" in one_line(ended)


async def test_the_output_of_somebody_else_is_left_alone(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=2)
    shell.write("out.jsonl", "precious\n")
    ended = await shell.headless()
    assert ended.code == 2
    assert "out.jsonl: holds something this job did not write" in one_line(ended)
    assert (shell.folder / "out.jsonl").read_text() == "precious\n"
    assert provider.arrivals == []


async def test_a_file_that_is_no_workspace_is_2(shell: Shell) -> None:
    shell.job(NOWHERE, rows=2)
    shell.write("batchtop.db", "a shopping list, and far from a database\n" * 50)
    ended = await shell.headless()
    assert ended.code == 2
    assert "batchtop.db" in one_line(ended)
    assert (shell.folder / "batchtop.db").read_text().startswith("a shopping list")


@pytest.mark.parametrize("words", [["ps"], ["status", "job"], ["export", "job"], ["set", "job", "delay=1"]])
async def test_without_a_workspace_it_is_2(shell: Shell, words: list[str]) -> None:
    ended = await shell.run(*words)
    assert ended.code == 2
    assert "there is no workspace here" in one_line(ended)
    assert not shell.db.exists()


async def test_without_a_terminal_there_is_no_dashboard(shell: Shell) -> None:
    ended = await shell.run()
    assert ended.code == 2
    assert "--no-ui" in one_line(ended)


# ── 1: some items failed ──


async def test_failed_items_are_1_and_in_a_file_of_their_own(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(context_tokens=50)
    shell.job(provider.base_url, task=EMBEDDINGS, output='path = "out.jsonl"\nfailures = "failed.jsonl"')
    rows = [{"id": n, "text": f"{n} " * 500 if n in {3, 40} else f"item {n}"} for n in range(1, 51)]
    shell.write("in.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    ended = await shell.headless()
    assert (ended.code, ended.out) == (1, "")
    assert set(shell.ids()) == set(range(1, 51)) - {3, 40}
    failed = shell.lines("failed.jsonl")
    assert {line["id"] for line in failed} == {3, 40}
    for line in failed:
        assert (line["status"], line["error"]["kind"], line["attempts"]) == ("failed", "bad_item", 1)
        assert "50 tokens" in line["error"]["message"]


async def test_a_row_without_the_field_fails_alone(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, output='path = "out.jsonl"\nfailures = "failed.jsonl"')
    shell.write("in.jsonl", '{"id": 1, "text": "a"}\n{"id": 2}\n{"id": 3, "text": "c"}\n')
    assert (await shell.headless()).code == 1
    assert set(shell.ids()) == {1, 3}
    (line,) = shell.lines("failed.jsonl")
    assert (line["id"], line["error"]["kind"]) == (2, "bad_item")
    assert "'text'" in line["error"]["message"]


# ── 3: stopped ──


async def test_a_budget_is_3_and_kept(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    prices = "max_tokens = 20\nprice_in = 1000\nprice_out = 1000"
    shell.job(provider.base_url, rows=500, task=f"{CHAT}\n{prices}", limits="cost = 5")
    ended = await shell.headless()
    assert (ended.code, ended.out) == (3, "")
    assert "budget is used up" in ended.err
    status = await shell.status()
    assert 3 < status["cost_usd"] <= 5
    assert (status["failed"], status["exit_code"]) == (0, 3)
    assert (await shell.headless("job.toml", "--set", "cost=0")).code == 0


IMPATIENT = """import sys
from batchtop.cli import main
from batchtop.engine.limits.breaker import Breaker
Breaker.__init__.__kwdefaults__["give_up_new_s"] = 1.0
sys.exit(main.main())
"""
"""The command, but for a tenth of the patience with a server that never answered."""


async def test_an_unreachable_server_is_3_soon_and_costs_no_item(shell: Shell, provider: Simulator) -> None:
    with socket.socket() as nobody:  # bound and not listening: refused
        nobody.bind(("127.0.0.1", 0))
        shell.job(f"http://127.0.0.1:{nobody.getsockname()[1]}/v1", rows=100)
        program = (sys.executable, "-P", "-c", IMPATIENT)
        ended = await shell.start("run", "job.toml", "--no-ui", program=program).end(within_s=6)
    assert (ended.code, ended.out) == (3, "")
    said = ended.err.splitlines()[-1]
    assert "no request has gone well for 1 s" in said
    assert "refused" in said.lower()
    assert "100 left" in said
    assert (await shell.status())["failed"] == 0


async def test_an_output_that_takes_nothing_is_3_and_what_was_paid_is_kept(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    shell.job(provider.base_url, rows=300, output='path = "/dev/full"')
    ended = await shell.headless()
    assert (ended.code, ended.out) == (3, "")
    assert "job stopped: the output can't be written: " in ended.err
    assert "No space left on device" in ended.err
    shell.job(provider.base_url)
    assert (await shell.headless()).code == 0
    assert shell.ids() == shell.stored_ids() == once(300)
    assert len(provider.arrivals) == 300


@pytest.fixture
def disk(shell: Shell) -> Iterator[Callable[[], None]]:
    """Mount a small disk at `disk`, and return what makes it larger."""
    place = shell.folder / "disk"
    place.mkdir()

    def mounted(options: str) -> bool:
        words = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    if not mounted("size=16k"):
        pytest.skip("no file system may be mounted here")
    yield lambda: mounted("remount,size=1m") or pytest.fail("it does not grow")
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_is_3_and_with_room_again_all_is_there_once(
    shell: Shell, provider: Simulator, disk: Callable[[], None]
) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    shell.job(provider.base_url, rows=300, output='path = "disk/out.jsonl"')
    ended = await shell.headless()
    assert (ended.code, ended.out) == (3, "")
    assert "No space left on device" in ended.err
    assert 0 < (shell.folder / "disk" / "out.jsonl").stat().st_size <= 16_384
    disk()
    assert (await shell.headless()).code == 0
    assert shell.ids("disk/out.jsonl") == once(300)
    assert len(provider.arrivals) == 300


async def test_a_workspace_without_room_is_3_and_goes_on(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    shell.job(provider.base_url, rows=300)
    program = ("bash", "-c", 'ulimit -f 200; exec "$0" "$@"', *PROGRAM)
    ended = await shell.start("run", "job.toml", "--no-ui", program=program).end()
    assert (ended.code, ended.out) == (3, "")
    assert "batchtop.db" in ended.err.splitlines()[-1]
    assert (await shell.headless()).code == 0
    assert shell.ids() == shell.stored_ids() == once(300)


async def test_standard_output_that_takes_nothing_is_3(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=20, output="")
    assert (await shell.headless()).code == 0
    full = ("bash", "-c", 'exec "$0" "$@" > /dev/full', *PROGRAM)
    for words in ("ps", "status job --json", "export job", "run job.toml -o -"):
        ended = await shell.start(*words.split(), program=full).end()
        assert ended.code == 3, words
        assert ended.err.endswith("batchtop: standard output can't be written: No space left on device\n"), words


async def test_nobody_to_hear_it_changes_no_exit_code(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=20)
    for where, job, code in (("2> /dev/full", "job", 0), ("2> /dev/full", "gone", 2), ("2>&- >&-", "job", 0)):
        deaf = ("bash", "-c", f'exec "$0" "$@" {where}', *PROGRAM)
        assert (await shell.start("run", f"{job}.toml", "--no-ui", program=deaf).end()).code == code, where
    assert shell.ids() == once(20)


# ── 4: keys ──


async def test_a_key_that_is_not_set_is_4_at_once(shell: Shell) -> None:
    shell.job(NOWHERE, rows=2, keys='"MY_KEY", "MY_OTHER_KEY"')
    ended = await shell.headless()
    assert ended.code == 4
    assert "MY_KEY or MY_OTHER_KEY is not set" in one_line(ended)
    assert not shell.db.exists()


@pytest.mark.parametrize("rows", [4, 200], ids=["all of it in one batch", "many batches"])
async def test_a_wrong_key_is_4_after_a_handful_and_the_right_one_goes_on(
    shell: Shell, provider: Simulator, rows: int
) -> None:
    provider.behaviour = Behaviour(keys=(KEY,))
    shell.job(provider.base_url, rows=rows, keys='"MY_KEY"', settings="concurrency = 8")
    ended = await shell.headless(env={"MY_KEY": "sesame-0815"})
    assert (ended.code, ended.out) == (4, "")
    assert "refused the request" in ended.err
    assert len(provider.arrivals) <= 5
    status = await shell.status()
    assert (status["failed"], status["left"], status["exit_code"]) == (0, rows, 4)
    assert (await shell.headless(env={"MY_KEY": KEY})).code == 0
    assert shell.ids() == once(rows)


async def test_of_two_keys_the_good_one_does_the_job(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(keys=(KEY,))
    shell.job(provider.base_url, rows=100, keys='"FIRST", "SECOND"')
    assert (await shell.headless(env={"FIRST": "sesame-0815", "SECOND": KEY})).code == 0
    assert len(shell.ids()) == 100


async def test_a_key_is_written_nowhere(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(keys=("another-key-1234",), latency_ms=20)
    shell.job(provider.base_url, rows=100, keys='"MY_KEY"')
    env = {"MY_KEY": KEY}
    assert (await shell.run("doctor", "job.toml", env=env)).code == 4
    assert (await shell.headless(env=env)).code == 4
    provider.behaviour = Behaviour(keys=(KEY,), latency_ms=20)
    assert (await shell.run("doctor", "job.toml", env=env)).code == 0
    assert (await shell.headless("job.toml", "--log-format", "json", env=env)).code == 0
    assert (await shell.run("status", "job", "--json", env=env)).code == 0
    assert list(shell.files_holding(KEY)) == []
    assert [path.name for path in shell.files_holding("MY_KEY")]  # it would be found
    assert Path("batchtop.db").name in {path.name for path in shell.files_holding("item 7")}


# ── 70: a mistake of the program itself ──

BROKEN = """import sys
from batchtop.cli import look, main
from batchtop.engine import runner
def broken(*words):
    raise KeyError("a mistake")
look.ps = runner.Runner._run_loop = broken
sys.exit(main.main())
"""


@pytest.mark.parametrize("words", [["ps"], ["run", "job.toml", "--no-ui"]])
async def test_a_mistake_of_the_program_is_70_and_one_line(shell: Shell, provider: Simulator, words: list[str]) -> None:
    shell.job(provider.base_url, rows=20)
    ended = await shell.start(*words, program=(sys.executable, "-P", "-c", BROKEN)).end()
    assert (ended.code, ended.out) == (70, "")
    said = "batchtop: internal error: KeyError: 'a mistake'; the traceback is at the end of batchtop.db.log"
    assert ended.err.splitlines()[-1] == said
    log = (shell.folder / "batchtop.db.log").read_text()
    assert log.startswith("Traceback")
    assert log.endswith("KeyError: 'a mistake'\n")


# ── 130: interrupted ──


async def test_a_drain_a_cancel_and_a_reader_who_goes_are_130(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=2_000, settings="batch_size = 1\nconcurrency = 2", output="")
    process = shell.start("run", "job.toml", "--no-ui")
    for verb in ("drain", "cancel"):
        await until(lambda: shell.state() == "running")
        assert (await shell.run(verb, "job")).code == 0
        assert (await process.end()).code == 130, verb
        process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: shell.state() == "running")
    process.signal(signal.SIGTERM)
    assert (await process.end()).code == 130
    gone = ("bash", "-c", '"$0" "$@" | head -n 1; exit ${PIPESTATUS[0]}', *PROGRAM)
    ended = await shell.start("run", "job.toml", "--no-ui", "-o", "-", program=gone).end()
    assert (ended.code, len(ended.out.splitlines())) == (130, 1)
    assert (await shell.status())["left"] > 0
