"""A job whose engines are killed again and again, and all that can be seen of it from outside."""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from batchtop.engine.feed import SOON_S, page_size
from batchtop.engine.job import OutputSpec
from batchtop.engine.settings import resolve
from batchtop.engine.simulator import Arrival, Simulator
from batchtop.engine.taskspec import TaskSpec
from batchtop.engine.vector import json_of

from .nursery import Nursery, Wish
from .workshop import chat, job_of, numbered, rows_of, until, write_rows

KILLED = -signal.SIGKILL

SEED = int(os.environ.get("CRASH_SEED", "1"))
"""Decides when engines are killed: another one is another course."""


@dataclass(frozen=True)
class Left:
    """What a workspace says while no engine runs on it."""

    answered: frozenset[str] = frozenset()
    """Texts of which a good answer is committed."""
    unsure: int = 0
    leased_row: int = 0


@dataclass(frozen=True)
class Life:
    """One engine from its start to its end."""

    code: int
    arrivals: list[Arrival]
    """What it asked."""
    before: Left
    after: Left

    @property
    def asked(self) -> Counter[str]:
        return Counter(text for arrival in self.arrivals for text in arrival.subjects)

    @property
    def unanswered(self) -> set[str]:
        """Texts that were at the server when it died."""
        return {text for arrival in self.arrivals if not arrival.status for text in arrival.subjects}

    @property
    def lost(self) -> set[str]:
        """Texts that it asked and kept no answer to."""
        return self.asked.keys() - self.after.answered


class Scene:
    """A job in a workspace of its own, and what its server saw."""

    def __init__(
        self,
        folder: Path,
        provider: Simulator,
        nursery: Nursery,
        *,
        task: TaskSpec | None = None,
        home: Path | None = None,
        output: OutputSpec | None = None,
        **settings: float,
    ) -> None:
        self.folder = folder
        self.provider = provider
        self.nursery = nursery
        self.workspace = (home or folder) / "batchtop.db"
        output = output or OutputSpec(str(folder / "out.jsonl"))
        self.output = Path(output.path or "")
        self.input = folder / "rows.jsonl"
        self.lives: list[Life] = []
        self.texts: set[str] = set()
        """What is asked."""
        self.owed: set[str] = set()
        """Texts that were lost since an engine last told how much that may be."""
        task = task or chat(provider.base_url, prompt="{text}")
        self.spec = job_of(self.input, task, output=output, **{"batch_size": 3, "concurrency": 10} | settings)
        self._seen = 0
        self._soon = 0
        """Items that the last engine may have had answered in SOON_S."""

    def rows(self, count: int) -> None:
        """Write the input: every tenth row asks what another does, some steps or some thousands before it."""
        rows = numbered(count)
        for number in range(9, count, 10):
            steps = (4, 154, 1_004, 3_004)[number // 10 % 4]
            rows[number]["text"] = f"text {number - (steps if steps <= number else 4)}"
        write_rows(self.input, rows)
        self.texts = {str(row["text"]) for row in rows}

    # ── engines ──

    def wish(self, file_limit: int = 0) -> Wish:
        return Wish(self.spec, str(self.workspace), str(self.folder / "said"), file_limit)

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    async def live(self, lasts_s: float | None = None, *, at_work: bool = False, file_limit: int = 0) -> Life:
        """Have an engine run the job, to its end or until it is killed after a time; whatever it did, it was right.

        Where it is to be killed `at_work`, the time begins with its first request.
        """
        before = self.left()
        pid = await self.nursery.start(self.wish(file_limit=file_limit))
        if at_work:
            await until(lambda: len(self.provider.arrivals) > self._seen)
        if lasts_s is not None:
            await asyncio.sleep(lasts_s)
            os.kill(pid, signal.SIGKILL)
        return await self.ended(before)

    async def ended(self, before: Left) -> Life:
        """Take an engine's end, look at what it left, and check it."""
        code = await self.nursery.ended()
        arrivals = await self.arrived()
        life = Life(code, arrivals, before, self.left())
        self.lives.append(life)
        self.check_life(life)
        return life

    async def killed(self, kills: int, longest_s: float) -> list[Life]:
        """Kill so many engines that were alive, after random times, and tear the output now and then."""
        chance = random.Random(SEED)
        lives: list[Life] = []
        for number in range(kills):
            early = chance.random() < 0.3
            lasts_s = chance.uniform(0, 0.05 if early else longest_s)
            life = await self.live(lasts_s, at_work=number == kills // 2)  # however slow the machine, one gets so far
            assert life.code == KILLED, f"seed {SEED}: over after {number} kills ({life.code}, {self.said})"
            lives.append(life)
            if chance.random() < 0.3:
                self.tear(chance.choice((-4_000, -40, -1, 1, 40)))
        return lives

    async def finish(self) -> None:
        """Have an engine bring the job to its end, with a quick server."""
        self.provider.behaviour = replace(self.provider.behaviour, latency_ms=5)
        assert (await self.live()).code == 0, self.said

    # ── what is to be seen ──

    async def arrived(self) -> list[Arrival]:
        """Return what arrived since the last call, once the server knows that nobody waits for it any more."""
        url = urlsplit(self.provider.base_url)
        while True:
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            await reader.read()
            writer.close()
            await writer.wait_closed()
            new = self.provider.arrivals[self._seen :]
            if new[-1].in_flight == 1:
                break
        self._seen += len(new)
        return [arrival for arrival in new if arrival.subjects]

    def left(self) -> Left:
        """Return what is committed; an engine may have died before there were any tables."""
        texts = """SELECT DISTINCT payload ->> '$.text' FROM results JOIN items ON row = item JOIN payloads USING (row)
            WHERE outcome = 'ok' AND items.digest = results.digest"""
        try:
            answered = frozenset(text for (text,) in rows_of_ro(self.workspace, texts))
            job = rows_of_ro(self.workspace, "SELECT unsure, leased_row FROM jobs")
        except sqlite3.OperationalError as error:
            # no file yet, no tables, or tables in the making that the next engine begins anew
            if any(said in str(error) for said in ("unable to open", "no such", "readonly")):
                return Left()
            raise
        return Left(answered, *(job[0] if job else ()))

    def state(self) -> str:
        """Return where the job stands as its row says, empty where there is none yet."""
        try:
            return str(rows_of_ro(self.workspace, "SELECT max(state) FROM jobs")[0][0])
        except sqlite3.OperationalError:
            return ""

    # ── what has to be true ──

    def check_life(self, life: Life) -> None:
        """Nothing answered was asked again, nothing twice, the file agrees with the tables, and the doubt is told."""
        assert "Traceback" not in self.said, self.said
        assert life.before.answered <= life.after.answered
        assert not life.asked.keys() & life.before.answered, "asked again though the answer was committed"
        again = {text: times for text, times in life.asked.items() if times > 1}
        assert not again, f"asked twice by one engine: {again}"
        self._check_doubt(life)
        self.check_output()

    def _check_doubt(self, life: Life) -> None:
        """Hold the count of what may have been billed between what was, and what a few pages hold."""
        settings = resolve(self.spec.layers).settings
        grown = life.after.unsure - life.before.unsure
        if grown or life.arrivals or life.after.leased_row != life.before.leased_row:
            assert grown >= len(self.owed), f"{len(self.owed)} were sent for nothing, {grown} were told"
            assert grown <= 3 * page_size(settings, self._soon)
            self.owed = set()
        self.owed |= life.lost
        waves = 1000 * SOON_S / self.provider.behaviour.latency_ms + 1  # a measured time may begin and end with one
        self._soon = int(settings.batch_size * settings.concurrency * waves)

    def check_output(self) -> list[int]:
        """Return the ids in the output: each belongs to a committed result and is there once, whatever the tail."""
        lines = [msgspec.json.decode(line) for line in self._bytes().rpartition(b"\n")[0].splitlines()]
        ids = [line["id"] for line in lines]
        assert len(ids) == len(set(ids)), [number for number, times in Counter(ids).items() if times > 1]
        if ids:
            query = "SELECT key, output FROM results JOIN items ON row = item WHERE outcome = 'ok'"
            stored = {int(key): output for key, output in rows_of_ro(self.workspace, query)}
            wrong = [line["id"] for line in lines if json.loads(json_of(stored[line["id"]])) != line["output"]]
            assert not wrong
        return ids

    def _bytes(self) -> bytes:
        return self.output.read_bytes() if self.output.exists() else b""

    def tear(self, bytes_more: int) -> None:
        """Leave the output with so many bytes fewer, or with a piece of one more line."""
        data = self._bytes()
        piece = data.partition(b"\n")[0][: max(0, bytes_more)]
        self.output.write_bytes((data + piece) if piece else data[: len(data) + bytes_more])

    def check_end(self, rows: int) -> None:
        """Everything is there once, in the tables and in the output, and the totals say so."""
        copies = rows - len(self.texts)
        assert Counter(self.check_output()) == Counter(range(rows))
        assert self._bytes().endswith(b"\n")
        results = "SELECT count(*), count(DISTINCT item), total(cached), total(outcome = 'ok') FROM results"
        assert rows_of(self.workspace, results) == [(rows, rows, copies, rows)]
        job = "SELECT state, exit_code, total, done, failed, cached, leased_row FROM jobs"
        assert rows_of(self.workspace, job) == [("finished", 0, rows, rows, 0, copies, 0)]
        assert rows_of(self.workspace, "SELECT status, count(*) FROM items GROUP BY status") == [("done", rows)]
        assert rows_of(self.workspace, "PRAGMA integrity_check") == [("ok",)]
        assert rows_of(self.workspace, "PRAGMA foreign_key_check") == []
        asked: Counter[str] = sum((life.asked for life in self.lives), Counter())
        assert asked.keys() == self.texts
        assert asked.total() == len(self.texts) + sum(len(life.lost) for life in self.lives), "more asked than lost"


def rows_of_ro(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    """Read a workspace without tidying up what a dead engine left."""
    with closing(sqlite3.connect(f"{workspace.as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()
