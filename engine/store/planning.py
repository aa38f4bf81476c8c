"""What a run would find to do: an input compared with a workspace, in a database of its own that goes when it closes.

The rules are those by which `loads` takes an input in, `items` pages it and `redo` makes failures pending; here they
only count.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ..job import InputSpec
from ..redo import PASSING
from ..source.place import twice
from ..source.row import Row
from .loads import next_rows
from .migrations import BUSY_TIMEOUT_S
from .reader import of_another_version
from .steps import STEPS

Question: TypeAlias = tuple[bytes, bytes]
"""The digest and the payload of a row."""

_CACHE_KB: Final = 32_000

_TABLES: Final = (
    "CREATE TABLE seen (number INTEGER PRIMARY KEY, key TEXT NOT NULL, line INTEGER NOT NULL, digest BLOB NOT NULL)",
    "CREATE TABLE asked (digest BLOB NOT NULL, fit INTEGER NOT NULL)",
    """CREATE TABLE lately (digest BLOB NOT NULL, refused INTEGER NOT NULL, at REAL NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (digest, refused, at, seq)) WITHOUT ROWID""",
    "CREATE TABLE unsure (key TEXT NOT NULL, digest BLOB NOT NULL, payload BLOB NOT NULL)",
)

_TODO: Final = frozenset({"new", "back", "changed", "left", "retried"})
"""Standings of rows that a run takes up."""

_PASSING: Final = ", ".join(f"'{kind}'" for kind in sorted(PASSING.failed))
_STANDING: Final = f"""CASE WHEN items.row IS NULL THEN 'new'
    WHEN status = 'removed' THEN 'back'
    WHEN status = 'pending' THEN 'left'
    WHEN status = 'changed' OR items.digest <> seen.digest THEN 'changed'
    WHEN status = 'done' THEN 'done'
    WHEN EXISTS (SELECT 1 FROM results
        WHERE item = items.row AND results.digest = items.digest AND outcome IN ({_PASSING})) THEN 'retried'
    ELSE 'failed' END"""

_EQUAL: Final = """FROM (SELECT * FROM answers UNION ALL SELECT * FROM lately) AS equal
    CROSS JOIN results AS known ON known.seq = equal.seq
    WHERE equal.digest = seen.digest AND equal.refused = {refused}"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the workspace holds of a job."""

    id: int = 0
    """0 for a job that it does not know."""
    total: int = 0
    fresh_from: float = 0.0
    retry_from: float = 0.0
    loaded: bool = False
    """Whether a load ever came to its end."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run would do with each row of an input."""

    rows: int = 0
    new: int = 0
    """Rows that were not in the input before, or are back."""
    changed: int = 0
    """Rows that ended before, and ask something else now."""
    left: int = 0
    """Rows that earlier runs left undone."""
    retried: int = 0
    """Rows that failed for a passing cause."""
    done: int = 0
    """Rows that were answered before, and are what they were."""
    failed: int = 0
    """Rows that failed for good, and are what they were."""
    removed: int = 0
    """Items of the workspace that are in the input no longer."""
    cached: int = 0
    """Rows to do that have the answer, or the refusal, of an equal item."""
    cached_from: Mapping[str, int] = field(default_factory=dict[str, int])
    """Job -> how many of those it gave the answer of."""
    unfit: int = 0
    """Rows to do that can't become a request: they fail without being sent."""
    duplicates: int = 0
    """Rows to do that wait for the answer of an equal one."""
    ask: int = 0
    """Items that are sent."""
    rejected: int = 0
    """Rows that can't be read and are set aside, which are none of the others."""


@contextmanager
def beside(path: Path) -> Generator[sqlite3.Connection]:
    """Open a database of its own, on disk where it grows large, that sees a workspace's tables and can't write them.

    Where there is no workspace it sees the tables of an empty one; none is made. Raises WorkspaceError where those of
    the workspace are not of this version.
    """
    with closing(sqlite3.connect("", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        for statement in _TABLES:
            db.execute(statement)
        if path.exists():
            db.execute("ATTACH ? AS workspace", (f"{path.absolute().as_uri()}?mode=ro",))
            (version,) = db.execute("PRAGMA workspace.user_version").fetchone()
            if version != len(STEPS):
                raise of_another_version(path, version)
            _gather(db)
        else:
            for step in STEPS:
                step(db)
        yield db


def stored(db: sqlite3.Connection, name: str) -> Stored:
    """Return what is known of a job."""
    row = db.execute("SELECT id, total, fresh_from, retry_from, stamp FROM jobs WHERE name = ?", (name,)).fetchone()
    if row is None:
        return Stored()
    job, total, fresh_from, retry_from, stamp = row
    index = f"SELECT 1 FROM {_schema(db)}.sqlite_master WHERE type = 'index' AND name = ?"
    loaded = db.execute(index, (f"items_of_{job}",)).fetchone() is not None
    if loaded and not stamp:  # a load that never came to its end may have brought more
        query = f"SELECT count(*) FROM items WHERE job = {job} AND status <> 'removed'"
        (total,) = db.execute(query).fetchone()
    return Stored(job, total if loaded else 0, fresh_from, retry_from, loaded)


class Comparison:
    """Takes the rows of an input, and counts what a run would do with them.

    `offer` is told digest and payload of each row that asks something; `fits` tells whether a payload can.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        job: Stored,
        *,
        fresh: bool,
        fits: Callable[[bytes], bool],
        offer: Callable[[bytes, bytes], None],
    ) -> None:
        self._db = db
        self._job = job
        self._fresh = fresh
        self._fits = fits
        self._offer = offer
        self._query = _judgement(job)
        self._standings: Counter[str] = Counter()
        self._sources: Counter[int] = Counter()
        self.rows = 0

    def take(self, rows: Iterator[Row]) -> int:
        """Take the next rows and return how many they were, 0 at the end."""
        chunk = next_rows(rows)
        after = self.rows
        self.rows += len(chunk)
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO seen (key, line, digest) VALUES (?, ?, ?)", ((row.key, row.line, row.digest) for row in chunk)
        )
        self._judge(chunk, after)
        self._db.execute("COMMIT")
        return len(chunk)

    def _judge(self, chunk: list[Row], after: int) -> None:
        asked: list[Question] = []
        unsure: list[tuple[str, bytes, bytes]] = []
        judged = self._db.execute(self._query, (after,))
        for row, (standing, source, refused) in zip(chunk, judged, strict=True):
            self._standings[standing] += 1
            if self._fresh:
                asked.append((row.digest, row.payload))
            elif standing not in _TODO:
                continue
            elif source:
                self._sources[source] += 1
            elif refused:
                unsure.append((refused, row.digest, row.payload))
            else:
                asked.append((row.digest, row.payload))
        self._ask(asked)
        self._db.executemany("INSERT INTO unsure (key, digest, payload) VALUES (?, ?, ?)", unsure)

    def _ask(self, questions: Iterable[Question]) -> None:
        """Count rows as asked, where they can be."""
        judged = [(digest, self._fits(payload), payload) for digest, payload in questions]
        self._db.executemany("INSERT INTO asked (digest, fit) VALUES (?, ?)", ((each[0], each[1]) for each in judged))
        for digest, fit, payload in judged:
            if fit:
                self._offer(digest, payload)

    def counts(self, spec: InputSpec) -> Counts:
        """Return what it comes to, once all rows are taken; raises InputError when two of them have the same id."""
        self._check_ids(spec)
        if refused := self._settle_unsure():
            self._sources[self._job.id] += refused
        rows, fit = self._db.execute("SELECT count(*), count(nullif(fit, 0)) FROM asked").fetchone()
        (ask,) = self._db.execute("SELECT count(*) FROM (SELECT 1 FROM asked WHERE fit GROUP BY digest)").fetchone()
        found = self._standings
        return Counts(
            rows=self.rows,
            new=found["new"] + found["back"],
            changed=found["changed"],
            left=found["left"],
            retried=found["retried"],
            done=found["done"],
            failed=found["failed"],
            removed=max(0, self._job.total - self.rows + found["new"] + found["back"]),
            cached=sum(self._sources.values()),
            cached_from=self._names(),
            unfit=rows - fit,
            duplicates=fit - ask,
            ask=ask,
        )

    def _names(self) -> dict[str, int]:
        names = dict(self._db.execute("SELECT id, name FROM jobs").fetchall())
        return {names.get(job, "a job that is gone"): count for job, count in self._sources.most_common()}

    def _check_ids(self, spec: InputSpec) -> None:
        query = "SELECT key, max(line), min(line) FROM seen GROUP BY key HAVING count(*) > 1 LIMIT 1"
        if found := self._db.execute(query).fetchone():
            key, line, first = found
            raise twice(spec, key, line, first)

    def _settle_unsure(self) -> int:
        """Return how many rows share a refusal of this job's that stays: that of an item which is what it was."""
        if not self._db.execute("SELECT 1 FROM unsure LIMIT 1").fetchone():
            return 0
        self._db.execute("CREATE INDEX seen_by_key ON seen (key)")
        stays = "EXISTS (SELECT 1 FROM seen WHERE seen.key = unsure.key AND seen.digest = unsure.digest)"
        self._ask(self._db.execute(f"SELECT digest, payload FROM unsure WHERE NOT {stays}"))
        return int(self._db.execute(f"SELECT count(*) FROM unsure WHERE {stays}").fetchone()[0])


def _judgement(job: Stored) -> str:
    """Return the query for how each row behind a number stands, and where an answer to it is known from.

    What counts as known is the rule of `answers.KNOWN`.
    """
    items = f"items ON items.job = {job.id} AND items.key = seen.key"
    if not job.loaded:
        items = "(SELECT NULL AS row, NULL AS status, NULL AS digest) AS items ON 0"
    good = f"{_EQUAL.format(refused=0)} AND equal.at >= {job.fresh_from!r}"
    bad = f"{_EQUAL.format(refused=1)} AND equal.at >= {job.retry_from!r}"
    return f"""SELECT {_STANDING}, coalesce(
        (SELECT known.job {good} AND (model = '' OR known.job = {job.id}) LIMIT 1),
        (SELECT known.job {bad} AND model = '' AND known.job <> {job.id} LIMIT 1)),
        (SELECT (SELECT key FROM items AS refused WHERE refused.row = known.item)
            {bad} AND known.job = {job.id} LIMIT 1)
        FROM seen LEFT JOIN {items} WHERE number > ? ORDER BY number"""


def _gather(db: sqlite3.Connection) -> None:
    """Have those answers be found too that no engine has gathered yet."""
    db.execute("INSERT INTO lately SELECT digest, refused, at, seq FROM new_answers ORDER BY digest, at")


def _schema(db: sqlite3.Connection) -> str:
    return "workspace" if any(name == "workspace" for _, name, _ in db.execute("PRAGMA database_list")) else "main"
