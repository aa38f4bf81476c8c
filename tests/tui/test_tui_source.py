import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store import commands
from batchtop.tui.reads.source import Jobs, WorkspaceSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "batchtop.db"
    commands.send(file, "reviews", "pause", {}, "test")
    return file


def test_a_workspace_without_jobs(path: Path) -> None:
    source = WorkspaceSource(path)
    assert (source.jobs(), source.snapshot("reviews")) == (Jobs((), None), None)
    assert source.rates((), 0.0, live=True) == {}
    number = source.send("reviews", "set", {"delay": 1.0})
    assert source.answer(number) is None
    assert source.withdraw(number)
    source.close()


def test_a_workspace_may_come_go_and_be_replaced(path: Path, tmp_path: Path) -> None:
    source = WorkspaceSource(path)
    assert source.jobs() == Jobs((), None)
    away = tmp_path / "away.db"
    path.rename(away)
    with pytest.raises(WorkspaceError, match=r"batchtop\.db"):
        source.jobs()
    path.write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(WorkspaceError, match=r"batchtop\.db"):
        source.jobs()
    away.replace(path)
    assert source.jobs() == Jobs((), None)
    source.close()


@pytest.mark.parametrize("what", ["jobs", "send", "answer"])
def test_what_the_disk_refuses_is_told_with_the_file(path: Path, what: str) -> None:
    source = WorkspaceSource(path)
    calls = {
        "jobs": source.jobs,
        "send": lambda: source.send("reviews", "pause", {}),
        "answer": lambda: source.answer(1),
    }
    if what == "jobs":
        with sqlite3.connect(path) as db:
            db.execute("INSERT INTO engine (pid, started_at, heartbeat_at) VALUES (1, 1, 1)")
        db.close()
        path.with_name("batchtop.db.lock").mkdir()  # no file that could be locked
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(WorkspaceError, match=r"batchtop\.db"):
        calls[what]()


def test_importing_the_package_loads_no_textual() -> None:
    code = "import sys, batchtop.tui; assert not {'textual', 'rich'} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
