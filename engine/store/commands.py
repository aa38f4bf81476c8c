"""How anybody asks something of the engine: a row in the workspace, answered in place."""

import sqlite3
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import WorkspaceError
from .migrations import connect


@dataclass(frozen=True, slots=True)
class Command:
    """One thing asked: what (`verb`, `args`), of which job, by whom."""

    id: int
    job: str
    verb: str
    text: str
    """Its arguments as JSON; anybody may have written it."""
    who: str

    @property
    def args(self) -> dict[str, object]:
        """Its arguments; raises msgspec.DecodeError when they are no JSON object."""
        return msgspec.json.decode(self.text, type=dict[str, object])


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a command."""

    applied: bool
    message: str
    """Why it was refused, or what was done."""
    exit_code: int | None = None


def send(path: Path, job: str, verb: str, args: Mapping[str, object], who: str) -> int:
    """Ask the engine for something and return the command's number; creates the workspace if there is none."""
    with _open(path) as db:
        cursor = db.execute(
            "INSERT INTO commands (job, verb, args, who, at) VALUES (?, ?, ?, ?, ?)",
            (job, verb, msgspec.json.encode(args).decode(), who, time.time()),
        )
        return int(cursor.lastrowid or 0)


def answer(path: Path, command: int) -> Answered | None:
    """Return what became of a command, or None while the engine has not looked at it."""
    with _open(path) as db:
        row = db.execute("SELECT state, answer, exit_code FROM commands WHERE id = ?", (command,)).fetchone()
    if row is None or row[0] == "new":
        return None
    return Answered(row[0] == "applied", row[1], row[2])


def withdraw(path: Path, command: int) -> bool:
    """Take back a command the engine has not looked at yet; False when it has."""
    with _open(path) as db:
        return db.execute("DELETE FROM commands WHERE id = ? AND state = 'new'", (command,)).rowcount == 1


def call_back(path: Path, command: int) -> Answered | None:
    """Take back a command the engine has not looked at and return None; where it has, return what became of it."""
    if withdraw(path, command):
        return None
    gone = Answered(applied=False, message=f"{path}: the command is gone; was the workspace replaced?")
    return answer(path, command) or gone


@contextmanager
def _open(path: Path) -> Generator[sqlite3.Connection]:
    db = connect(path)
    try:
        yield db
    except sqlite3.Error as error:
        raise WorkspaceError(f"{path}: the command could not be written ({error})") from error
    finally:
        db.close()
