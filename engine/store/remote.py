"""Batches that are in the hands of a provider: known before they are made, so that a restart finds each again."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from .writer import Writer

DIGEST_BYTES: Final = 16


_PENDING: Final = "SELECT digest FROM items WHERE job = ? AND status = 'pending'"
_ENDED: Final = "SELECT digest FROM items WHERE job = ? AND status IN ('done', 'failed')"


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
    gone: int = 0
    """How many items it has answers to, or will have, that the job asks no more."""

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.id or f"the batch with the tag {self.tag}"


class RemoteBatches:
    """What one job has at providers."""

    def __init__(self, writer: Writer, job: int) -> None:
        self._writer = writer
        self._job = job

    async def all(self) -> list[RemoteBatch]:
        """Return every batch with answers to items that are still to be done, oldest first."""
        return [batch for batch in await self.sifted() if batch.digests]

    async def sifted(self) -> list[RemoteBatch]:
        """Return every batch, oldest first, with what is wanted of it; one without any such item is forgotten."""
        return await self._writer.run(self._sift)

    async def forget(self) -> list[str]:
        """Forget every batch, and return their names."""
        return await self._writer.run(self._forget)

    def _forget(self, db: sqlite3.Connection) -> list[str]:
        names = names_of(db, self._job)
        db.execute("DELETE FROM remote_batches WHERE job = ?", (self._job,))
        return names

    def _sift(self, db: sqlite3.Connection) -> list[RemoteBatch]:
        query = "SELECT tag, id, at, digests, cancelled FROM remote_batches WHERE job = ? ORDER BY at"
        rows = db.execute(query, (self._job,)).fetchall()
        if not rows:
            return []
        every = [_unpacked(packed) for *_, packed, _ in rows]
        pending, ended = (self._among(db, frozenset(chain(*every)), query) for query in (_PENDING, _ENDED))
        found: list[RemoteBatch] = []
        for (tag, remote, at, _, cancelled), digests in zip(rows, every, strict=True):
            wanted = tuple(name for name in digests if name in pending)
            gone = sum(name not in pending and name not in ended for name in digests)
            whole = len(wanted) == len(digests)
            found.append(RemoteBatch(tag, remote, at, wanted, bool(cancelled), whole=whole, gone=gone))
            if not wanted:
                db.execute("DELETE FROM remote_batches WHERE tag = ?", (tag,))
        return found

    def _among(self, db: sqlite3.Connection, names: frozenset[str], query: str) -> set[str]:
        """Return which of these items are among those of a query: a job may have many more than its batches."""
        return {name for (digest,) in db.execute(query, (self._job,)) if (name := digest.hex()) in names}

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


def names_of(db: sqlite3.Connection, job: int) -> list[str]:
    """Return what people know the batches by that a job has at providers, oldest first."""
    rows = db.execute("SELECT tag, id, at FROM remote_batches WHERE job = ? ORDER BY at", (job,))
    return [RemoteBatch(tag, remote, at, ()).name for tag, remote, at in rows]


def _packed(digests: Sequence[str]) -> bytes:
    return bytes.fromhex("".join(digests))


def _unpacked(digests: bytes) -> tuple[str, ...]:
    return tuple(digests[start : start + DIGEST_BYTES].hex() for start in range(0, len(digests), DIGEST_BYTES))
