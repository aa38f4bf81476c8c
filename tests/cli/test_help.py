"""Help is complete, quick and imports little; the built-in provider and the demo run by themselves."""

import json
import re
import signal
import subprocess

import pytest
from batchtop.cli.parser import HOMES

from .shell import PROGRAM, Shell, until

HEAVY = ("textual", "rich", "aiohttp", "openai", "uvloop", "sqlite3", "msgspec")


@pytest.mark.parametrize("command", HOMES)
def test_every_command_has_help_and_imports_nothing_for_it(shell: Shell, command: str) -> None:
    words = [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], *command.split(), "--help"]
    said = subprocess.run(words, capture_output=True, text=True, env=shell.environment, cwd=shell.folder, check=False)
    assert said.returncode == 0
    assert said.stdout.startswith("usage: batchtop")
    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", said.stderr, re.MULTILINE))
    assert "batchtop.cli.parser" in imported
    assert imported.isdisjoint(HEAVY)


EACH_FIRST = """
import importlib, os, sys
import batchtop.cli.main
for module in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(module)
        os._exit(0)
    assert os.wait()[1] == 0, module
"""


def test_every_commands_module_can_be_imported_first(shell: Shell) -> None:
    """Most tests have commands start where all is imported already, which would hide a ring of imports."""
    modules = sorted({f"batchtop.cli.{module}" for module, _ in HOMES.values()})
    words = [*PROGRAM[:2], "-c", EACH_FIRST, *modules]
    said = subprocess.run(words, capture_output=True, text=True, env=shell.environment, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def test_the_exit_codes_are_in_the_help(shell: Shell) -> None:
    said = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, env=shell.environment, check=False)
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
        assert f"  {code}" in said.stdout
    for command in filter(None, HOMES):
        assert f"\n    {command} " in said.stdout


async def test_presets_are_listed_and_shown(shell: Shell) -> None:
    listed = await shell.run("presets")
    assert listed.code == 0
    assert "aggressive/discovery" in listed.out
    shown = await shell.run("presets", "show", "conservative")
    assert re.search(r"delay +1\.5 s +preset conservative", shown.out)
    shell.job("http://127.0.0.1:9/v1", settings='preset = "aggressive"\ndelay = 3')
    shown = await shell.run("presets", "--job", "job.toml", "--set", "rpm=5", env={"BATCHTOP_TPM": "1_000"})
    for row in (r"delay +3 s +job file", r"rpm +5 +--set", r"tpm +1,000 +BATCHTOP_TPM", r"concurrency +2 +preset agg"):
        assert re.search(row, shown.out)
    unknown = await shell.run("presets", "show", "agressive")
    assert (unknown.code, "'aggressive'" in unknown.err) == (2, True)


async def test_a_preset_of_ones_own(shell: Shell) -> None:
    folder = shell.folder / "home" / "config" / "batchtop" / "presets"
    folder.mkdir(parents=True)
    dials = "batch_size = 3\ndelay = 0\nconcurrency = 2\nmax_wait = 1\nchunk_batches = 0\nchunk_pause = 0\n"
    (folder / "mine.toml").write_text(f"[profiles.all]\n{dials}")
    (folder / "broken.toml").write_text(f"[profiles.all]\n{dials}spede = 3\n")
    assert re.search(r"batch_size +3 +preset mine", (await shell.run("presets", "show", "mine")).out)
    broken = await shell.run("presets", "show", "broken")
    assert broken.code == 2
    assert "broken.toml: profiles.all.spede: unknown key" in broken.err


async def test_the_provider_serves_until_interrupted(shell: Shell) -> None:
    provider = shell.start("simulate", "--port", "0", "--latency-ms", "5", "--log", "arrivals.jsonl")
    await until(lambda: "\n" in provider.out)
    shell.job(provider.out.strip(), rows=20)
    assert (await shell.headless()).code == 0
    provider.signal(signal.SIGINT)
    assert (await provider.end(within_s=5)).code == 0
    arrivals = [json.loads(line) for line in (shell.folder / "arrivals.jsonl").read_text().splitlines()]
    assert sorted(arrival["subjects"][0] for arrival in arrivals) == sorted(f"item {n}" for n in range(1, 21))


async def test_a_taken_port_is_told(shell: Shell) -> None:
    provider = shell.start("simulate", "--port", "0")
    await until(lambda: "\n" in provider.out)
    port = provider.out.strip().rsplit(":", 1)[1].removesuffix("/v1")
    ended = await shell.run("simulate", "--port", port)
    assert ended.code == 2
    assert f"can't listen on 127.0.0.1:{port}" in ended.err


async def test_the_demo_runs_without_a_terminal_and_a_key(shell: Shell) -> None:
    ended = await shell.run("demo", "--no-ui", "--items", "200", "--folder", "demo", "--log-format", "json")
    assert (ended.code, ended.out) == (0, "")
    assert {"note", "event", "end"} >= {json.loads(line)["type"] for line in ended.err.splitlines()}
    answers = shell.lines("demo/answers.jsonl")
    assert len({answer["id"] for answer in answers}) == len(answers) == 200
    texts = shell.lines("demo/docstrings.jsonl")
    assert {answer["id"] for answer in answers} == {text["id"] for text in texts}
