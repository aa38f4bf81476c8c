"""Files that are damaged, of another kind, or not to be read, and values out of range: one clear line, no traceback."""

import pytest
from batchtop.engine.simulator import Simulator

from .shell import Shell

OUT_OF_RANGE = {
    "demo --items -1": "--items",
    "demo --items 0": "--items",
    "demo --folder in.jsonl": "in.jsonl",
    "demo --folder in.jsonl/below": "in.jsonl",
    "simulate --port 70000": "from 0 to 65,535",
    "simulate --port -1": "--port",
    "run job.toml --no-ui --db .": ".: is a folder",
    "run job.toml --no-ui --db /": "/: is a folder",
    "run job.toml --no-ui --db in.jsonl/below": "in.jsonl",
    "ps --db .": ".: cannot be read",
}


@pytest.mark.parametrize("words", OUT_OF_RANGE)
async def test_a_bad_place_or_number_is_2(shell: Shell, words: str) -> None:
    shell.job("http://127.0.0.1:9/v1", rows=3)
    before = {path.name for root in (shell.folder, shell.folder.parent) for path in root.iterdir()}
    ended = await shell.run(*words.split())
    assert (ended.code, ended.out) == (2, "")
    line = ended.err.splitlines()[-1]
    assert line.startswith("batchtop")
    assert OUT_OF_RANGE[words] in line
    assert before == {path.name for root in (shell.folder, shell.folder.parent) for path in root.iterdir()}


ASKED = ["ps", "status job", "export job", "set job delay=1", "run job.toml --no-ui"]


async def test_a_damaged_workspace_is_2(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=300)
    assert (await shell.headless()).code == 0
    whole = shell.db.read_bytes()
    shell.db.write_bytes(whole[:4096] + b"Z" * (len(whole) - 4096))
    for words in ASKED:
        ended = await shell.run(*words.split())
        assert (ended.code, ended.out) == (2, ""), words
        assert "batchtop.db: cannot be" in ended.err.splitlines()[-1], words


async def test_a_lock_that_cannot_be_read_is_2(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3)
    assert (await shell.headless()).code == 0
    lock = shell.folder / "batchtop.db.lock"
    lock.unlink()
    lock.mkdir()
    for words in ("ps", "set job delay=1", "run job.toml --no-ui"):
        ended = await shell.run(*words.split())
        assert (ended.code, ended.out) == (2, ""), words
        (line,) = ended.err.splitlines()
        assert "batchtop.db.lock: cannot be read" in line, words


async def test_a_terminal_without_our_signs_gets_others(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3)
    for words in ("doctor job.toml", "run job.toml --no-ui", "status job", "ps", "presets"):
        ended = await shell.run(*words.split(), env={"PYTHONIOENCODING": "ascii"})
        assert ended.code == 0, ended
