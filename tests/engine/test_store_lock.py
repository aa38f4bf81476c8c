"""One engine a workspace, and none that a dead one can keep out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store.lock import WorkspaceBusyError, WorkspaceLock, owner

HOLDER = """
import sys
from pathlib import Path
from batchtop.engine.store.lock import WorkspaceLock
with WorkspaceLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(workspace: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(workspace)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def test_the_second_engine_is_told_who_has_the_workspace(workspace: Path):
    with held_elsewhere(workspace) as holder:
        assert owner(workspace) == holder.pid
        with pytest.raises(WorkspaceBusyError, match=f"the engine with pid {holder.pid} runs") as caught:
            WorkspaceLock(workspace).__enter__()
        assert caught.value.pid == holder.pid
        holder.communicate("go\n", timeout=10)
        assert owner(workspace) is None
    with WorkspaceLock(workspace):
        assert owner(workspace) == os.getpid()


def test_a_process_that_was_killed_keeps_nobody_out(workspace: Path):
    with held_elsewhere(workspace) as holder:
        holder.kill()
        holder.wait(timeout=10)
    assert owner(workspace) is None
    with WorkspaceLock(workspace), pytest.raises(WorkspaceBusyError, match=f"pid {os.getpid()}"):
        WorkspaceLock(workspace).__enter__()
    assert owner(workspace) is None


def test_nobody_owns_what_is_not_there(workspace: Path):
    assert owner(workspace) is None
    with pytest.raises(WorkspaceError, match="cannot be made"):
        WorkspaceLock(workspace / "below").__enter__()
