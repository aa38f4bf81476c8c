"""The engine's end of the commands table, and its sign of life."""

import sqlite3
from pathlib import Path
from typing import Self

import aiosqlite

from ..errors import UsageError
from .commands import Answered, Command
from .migrations import BUSY_TIMEOUT_S
from .writer import Writer


class Inbox:
    """Commands as they come, on a connection that only reads; answers go through the writer."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._writer = writer

    async def __aenter__(self) -> Self:
        self._db = await aiosqlite.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()

    async def changed(self) -> int:
        """Return a number that differs whenever somebody has written to the workspace."""
        rows = list(await self._db.execute_fetchall("PRAGMA data_version"))
        return int(rows[0][0])

    async def new(self) -> list[Command]:
        """Return the commands nobody has answered, oldest first."""
        rows = await self._db.execute_fetchall(
            "SELECT id, job, verb, args, who FROM commands WHERE state = 'new' ORDER BY id"
        )
        return [Command(*row) for row in rows]

    async def refuse_stale(self, at: float) -> None:
        """Say no to what was asked while there was no engine: it was not meant for what runs from now on."""
        answer = "no engine was running when this was asked; nothing was changed"
        await self._writer.run(
            lambda db: _done(
                db,
                """UPDATE commands SET state = 'refused', answer = ?, exit_code = ?, answered_at = ?
                WHERE state = 'new' AND verb != 'run'""",
                (answer, UsageError.exit_code, at),
            )
        )

    async def answer(self, command: Command, answered: Answered, at: float) -> None:
        """Commit what became of a command, with all that it changed."""
        values = (
            "applied" if answered.applied else "refused",
            answered.message,
            answered.exit_code,
            at,
            command.id,
        )
        await self._writer.run(
            lambda db: _done(
                db,
                "UPDATE commands SET state = ?, answer = ?, exit_code = ?, answered_at = ? WHERE id = ?",
                values,
            )
        )

    def beat(self, pid: int, started_at: float, at: float) -> None:
        """Write that the engine is alive."""
        self._writer.do("INSERT OR REPLACE INTO engine VALUES (1, ?, ?, ?)", (pid, started_at, at))

    def leave(self) -> None:
        """Write that no engine is there any more."""
        self._writer.do("DELETE FROM engine", ())


def _done(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    db.execute(statement, values)
