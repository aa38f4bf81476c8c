"""The cookbook's method: one loop that wakes every millisecond. `one_loop.py URL ROWS IN_FLIGHT OUT`.

It starts a task for each request, counts what a minute has left, and appends each answer to a file as it comes. It
has no bound on what is in flight but its limits; here it is given one, so that all clients do the same work.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TextIO, TypeAlias

import aiohttp

PER_MINUTE = 100_000_000.0

Row: TypeAlias = dict[str, object]


class Left:
    """What a minute has left of one limit."""

    def __init__(self) -> None:
        self.left, self.at = PER_MINUTE, time.time()

    def refill(self) -> None:
        """Add what has come since the last time."""
        now = time.time()
        self.left, self.at = min(self.left + PER_MINUTE * (now - self.at) / 60, PER_MINUTE), now


class Loop:
    """Starts a request whenever it may; an answer goes to the file at once."""

    def __init__(self, session: aiohttp.ClientSession, url: str, lines: TextIO, in_flight: int, out: Path) -> None:
        self.session, self.url, self.lines, self.in_flight, self.out = session, url, lines, in_flight, out
        self.retries: asyncio.Queue[Row] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests, self.tokens = Left(), Left()
        self.ended = False

    async def ask(self, row: Row) -> None:
        """Send one request."""
        body = {"model": "m", "messages": [{"role": "user", "content": row["text"]}]}
        async with self.session.post(f"{self.url}/chat/completions", json=body) as response:
            answer = await response.json()
        if "error" in answer:
            self.retries.put_nowait(row)
        else:
            with self.out.open("a") as file:
                file.write(json.dumps([body, answer, {"id": row["id"]}]) + "\n")

    def next_row(self) -> Row | None:
        """Return what is to be asked next, None where nothing is."""
        if not self.retries.empty():
            return self.retries.get_nowait()
        if self.ended or len(self.tasks) >= self.in_flight:
            return None
        line = next(self.lines, None)
        self.ended = line is None
        return json.loads(line) if line else None

    def start(self, row: Row) -> None:
        """Start a request where its minute has room for it."""
        tokens = len(str(row["text"])) // 4
        if self.requests.left < 1 or self.tokens.left < tokens:
            return
        self.requests.left -= 1
        self.tokens.left -= tokens
        task = asyncio.create_task(self.ask(row))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self) -> None:
        """Look every millisecond whether the next one may go."""
        while not self.ended or self.tasks:
            row = self.next_row()
            self.requests.refill()
            self.tokens.refill()
            if row is not None:
                self.start(row)
            await asyncio.sleep(0.001)


async def work(url: str, rows: Path, in_flight: int, out: Path) -> None:
    async with aiohttp.ClientSession() as session:
        with rows.open() as lines:
            await Loop(session, url, lines, in_flight, out).run()


asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
