"""The floor of what is durable: the bare loop, its answers kept in SQLite. `durable.py URL ROWS IN_FLIGHT OUT`.

It has tables such as ours, loads its rows into them first, and commits in groups on a thread as the engine does; it has
no limits, no retries, no accounts and no numbers to show. What lies between it and a run is what those cost. It sends
through the transport that BATCHTOP_TRANSPORT names.
"""

import asyncio
import gc
import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
import uvloop
from batchtop.engine.transports import Request
from batchtop.engine.transports.http import open_http

TABLES = """PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE items (row INTEGER PRIMARY KEY, job INTEGER, key TEXT, digest BLOB, status TEXT);
CREATE TABLE payloads (row INTEGER PRIMARY KEY, payload BLOB);
CREATE INDEX pending ON items (job, row) WHERE status = 'pending';
CREATE TABLE results (seq INTEGER PRIMARY KEY, job INTEGER, item INTEGER, digest BLOB, output BLOB, at REAL);
CREATE INDEX by_job ON results (job, seq); CREATE UNIQUE INDEX by_item ON results (item, digest);"""
GROUP_S = 0.025
HEADERS = {"Content-Type": "application/json"}

Answered: TypeAlias = tuple[int, bytes, bytes, float]
"""Row, digest, output, time."""


def load(db: sqlite3.Connection, rows: Path) -> Iterator[tuple[int, bytes, str]]:
    """Put the rows into the table, and yield them with their digests."""
    lines = [line.rstrip(b"\n") for line in rows.open("rb")]
    digests = [hashlib.blake2b(line, digest_size=16).digest() for line in lines]
    db.execute("BEGIN")
    stored = ((row, str(row), digest) for row, digest in enumerate(digests))
    db.executemany("INSERT INTO items VALUES (?, 1, ?, ?, 'pending')", stored)
    db.executemany("INSERT INTO payloads VALUES (?, ?)", enumerate(lines))
    db.execute("COMMIT")
    return ((row, digests[row], json.loads(line)["text"]) for row, line in enumerate(lines))


def commit(db: sqlite3.Connection, out: Path, group: list[Answered]) -> None:
    db.execute("BEGIN")
    db.executemany("INSERT INTO results (job, item, digest, output, at) VALUES (1, ?, ?, ?, ?)", group)
    db.executemany("UPDATE items SET status = 'done' WHERE row = ?", [(row,) for row, *_ in group])
    db.execute("COMMIT")
    with out.open("ab") as file:
        file.writelines(b'{"id":%d,"status":"ok","output":%s}\n' % (row, output) for row, _, output, _ in group)


async def work(url: str, rows: Path, in_flight: int, out: Path) -> None:
    db = sqlite3.connect(out.with_suffix(".db"), isolation_level=None, check_same_thread=False)
    db.executescript(TABLES)
    todo, transport = load(db, rows), open_http()
    waiting: list[Answered] = []

    async def ask() -> None:
        for row, digest, text in todo:
            body = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": text}]})
            response = await transport.send(Request(f"{url}/chat/completions", body, HEADERS), timeout_s=60)
            answer = msgspec.json.decode(response.body)["choices"][0]["message"]["content"]
            waiting.append((row, digest, msgspec.json.encode(answer), time.time()))

    async def keep() -> None:
        nonlocal waiting
        while asks or waiting:
            await asyncio.sleep(GROUP_S)
            group, waiting = waiting, []
            await asyncio.to_thread(commit, db, out, group)

    asks = {asyncio.create_task(ask()) for _ in range(in_flight)}
    for each in asks:
        each.add_done_callback(asks.discard)
    await keep()
    await transport.aclose()


gc.set_threshold(10_000, 20, 50)
uvloop.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
