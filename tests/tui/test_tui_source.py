import os
import subprocess
import sys
from pathlib import Path

import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store import commands
from batchtop.tui.source import WorkspaceSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "batchtop.db"
    commands.send(file, "reviews", "pause", {}, "test")
    return file


def test_a_workspace_without_jobs(path: Path) -> None:
    source = WorkspaceSource(path)
    assert (source.jobs(), source.snapshot("reviews")) == ((), None)
    number = source.send("reviews", "set", {"delay": 1.0})
    assert source.answer(number) is None
    assert source.withdraw(number)
    source.close()


def test_a_workspace_may_come_go_and_be_replaced(path: Path, tmp_path: Path) -> None:
    source = WorkspaceSource(path)
    assert source.jobs() == ()
    away = tmp_path / "away.db"
    path.rename(away)
    with pytest.raises(WorkspaceError, match=r"batchtop\.db"):
        source.jobs()
    path.write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(WorkspaceError, match=r"batchtop\.db"):
        source.jobs()
    away.replace(path)
    assert source.jobs() == ()
    source.close()


def test_importing_the_package_loads_no_textual() -> None:
    code = "import sys, batchtop.tui; assert not {'textual', 'rich'} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
