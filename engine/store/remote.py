"""Batches that are in the hands of a provider: known before they are made, so that a restart finds each again."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from .writer import Writer

DIGEST_BYTES: Final = 16


_PENDING: Final = "SELECT digest FROM items WHERE job = ? AND status = 'pending'"


class RemoteBatch(NamedTuple):
    """One batch at a provider."""

    tag: str
    """What it is known by here, and told to the provider with it."""
    id: str
    """What the provider knows it by; empty until that has answered."""
    at: float
    """When it was made, seconds since the epoch."""
    digests: tuple[str, ...]
    """The items whose answers are still to be collected, in hexadecimal, in the order of its lines."""
    cancelled: bool = False
    """Whether it was ended from here."""
    whole: bool = True
    """Whether the items are all that were in it."""


class RemoteBatches:
    """What one job has at providers."""

    def __init__(self, writer: Writer, job: int) -> None:
        self._writer = writer
        self._job = job

    async def all(self) -> list[RemoteBatch]:
        """Return every batch with answers to items that are still to be done, oldest first, and forget the others."""
        return await self._writer.run(self._wanted)

    def _wanted(self, db: sqlite3.Connection) -> list[RemoteBatch]:
        query = "SELECT tag, id, at, digests, cancelled FROM remote_batches WHERE job = ? ORDER BY at"
        rows = db.execute(query, (self._job,)).fetchall()
        if not rows:
            return []
        pending = {digest for (digest,) in db.execute(_PENDING, (self._job,))}
        found: list[RemoteBatch] = []
        for tag, remote, at, packed, cancelled in rows:
            digests = _unpacked(packed)
            wanted = tuple(name for name in digests if bytes.fromhex(name) in pending)
            if wanted:
                found.append(RemoteBatch(tag, remote, at, wanted, bool(cancelled), whole=len(wanted) == len(digests)))
            else:
                db.execute("DELETE FROM remote_batches WHERE tag = ?", (tag,))
        return found

    async def begin(self, batch: RemoteBatch) -> None:
        """Commit that a batch is about to be made."""
        values = (batch.tag, self._job, batch.at, _packed(batch.digests))
        await self._writer.run(
            lambda db: db.execute("INSERT INTO remote_batches (tag, job, at, digests) VALUES (?, ?, ?, ?)", values)
        )

    async def made(self, tag: str, remote: str) -> None:
        """Commit what the provider knows it by."""
        await self._writer.run(lambda db: db.execute("UPDATE remote_batches SET id = ? WHERE tag = ?", (remote, tag)))

    async def cancelled(self, tag: str) -> None:
        """Commit that it was ended from here."""
        await self._writer.run(lambda db: db.execute("UPDATE remote_batches SET cancelled = 1 WHERE tag = ?", (tag,)))

    def left(self, tag: str, digests: Sequence[str]) -> None:
        """Write which answers are still to be collected, with the next results; a batch without any is forgotten."""
        if digests:
            self._writer.do("UPDATE remote_batches SET digests = ? WHERE tag = ?", (_packed(digests), tag))
        else:
            self._writer.do("DELETE FROM remote_batches WHERE tag = ?", (tag,))


def _packed(digests: Sequence[str]) -> bytes:
    return bytes.fromhex("".join(digests))


def _unpacked(digests: bytes) -> tuple[str, ...]:
    return tuple(digests[start : start + DIGEST_BYTES].hex() for start in range(0, len(digests), DIGEST_BYTES))
