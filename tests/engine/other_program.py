"""Another program that has its hands on a workspace."""

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

HOLD = """import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(f"BEGIN {sys.argv[2]}")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(workspace: Path, how: str = "IMMEDIATE") -> Generator[Callable[[], None]]:
    """Have another process hold the workspace locked, until what is yielded is called."""
    words = [sys.executable, "-c", HOLD, str(workspace), how]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield lambda: other.communicate(b"\n") and None
