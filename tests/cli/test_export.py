"""`batchtop export` to a file: whole or not at all, and never in the place of what the job needs."""

import os
from pathlib import Path

import pytest
from batchtop.engine.simulator import Simulator

from .shell import OUT, Shell, once


@pytest.fixture
async def ran(shell: Shell, provider: Simulator) -> Shell:
    """Have a job that has run, and a second way to its folder."""
    shell.job(provider.base_url, rows=20, output=OUT)
    assert (await shell.headless()).code == 0
    (shell.folder / "link").symlink_to(shell.folder)
    return shell


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but those of the database, which a reader may tidy up."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.suffix not in {".db-shm", ".db-wal"}
    }


REFUSED = {
    "in.jsonl": "belongs to the job",
    "./home/../out.jsonl": "belongs to the job",
    f"link{os.sep}out.jsonl": "belongs to the job",
    "batchtop.db": "belongs to the job",
    "": "is a folder",
    ".": "is a folder",
    "home": "is a folder",
    "/": "is a folder",
    "/dev/null": "no regular file",
    "gone/copy.jsonl": "cannot be written",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_an_export_is_2_and_nothing_changes(ran: Shell, name: str) -> None:
    before = contents(ran.folder)
    ended = await ran.run("export", "job", "-o", name)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("batchtop: ")
    assert REFUSED[name] in line
    assert contents(ran.folder) == before


async def test_an_export_takes_the_place_of_an_earlier_one(ran: Shell) -> None:
    for _ in range(2):
        assert (await ran.run("export", "job", "-o", "copy.jsonl")).code == 0
        assert ran.ids("copy.jsonl") == once(20)
    assert not list(ran.folder.glob("*.part"))
