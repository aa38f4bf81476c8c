"""What equal items are answered with: good answers, and refusals that stay, found by what was asked.

Digests lie in no order: each that is put among very many changes a page of its own. So what is answered waits in the
order in which it came until somebody may look for it, or its job has ended, and then goes among the others, sorted.
"""

import sqlite3
from collections.abc import Collection
from typing import Final

MOST_ROWS: Final = 1_000_000
"""So many are sorted in one transaction, for which commits wait some three seconds."""

KNOWN: Final = """coalesce(
    (SELECT known.seq FROM answers CROSS JOIN results AS known ON known.seq = answers.seq
        WHERE answers.digest = items.digest AND refused = 0 AND answers.at >= fresh_from
        AND (model = '' OR known.job = items.job) LIMIT 1),
    (SELECT known.seq FROM answers CROSS JOIN results AS known ON known.seq = answers.seq
        WHERE answers.digest = items.digest AND refused = 1 AND answers.at >= retry_from
        AND (model = '' OR known.job = items.job) LIMIT 1))"""
"""The result that an item, joined with its job, is answered with because an equal one was, of those gathered.

What a fallback's model said is for the job alone that has the fallback.
"""


def take(db: sqlite3.Connection, after: int) -> None:
    """Keep of the results behind a number what others may be answered with."""
    db.execute(
        """INSERT INTO new_answers SELECT seq, digest, outcome = 'bad_item', at FROM results
        WHERE seq > ? AND outcome IN ('ok', 'bad_item')""",
        (after,),
    )


def gather(db: sqlite3.Connection) -> bool:
    """Have answers be found that came since this was last done, and return whether there are more of them."""
    part = f"SELECT seq FROM new_answers ORDER BY seq LIMIT 1 OFFSET {MOST_ROWS}"
    end = db.execute(part).fetchone()
    which = f" WHERE seq < {end[0]:d}" if end else ""
    db.execute(f"INSERT INTO answers SELECT digest, refused, at, seq FROM new_answers{which} ORDER BY digest, at")
    db.execute(f"DELETE FROM new_answers{which}")
    return end is not None


def gather_for(db: sqlite3.Connection, jobs: Collection[int]) -> None:
    """Do so where one of these jobs, which run, may look for what another was just answered, or it itself."""
    if len(jobs) > 1 or db.execute("SELECT repeats FROM jobs WHERE id = ?", (*jobs,)).fetchone() == (1,):
        gather_all(db)


def gather_all(db: sqlite3.Connection) -> None:
    """Do so in one transaction, however many they are."""
    while gather(db):
        pass


def are_wanted(db: sqlite3.Connection, job: int) -> bool:
    """Tell whether a job that begins may look for one not gathered: another's, or where it repeats, one of its own."""
    query = """SELECT repeats OR EXISTS (SELECT 1 FROM jobs AS other WHERE other.id <> jobs.id
        AND (SELECT max(seq) FROM results WHERE job = other.id) >= (SELECT min(seq) FROM new_answers))
        FROM jobs WHERE id = ?"""
    return db.execute(query, (job,)).fetchone() == (1,)


def note_repeats(db: sqlite3.Connection, job: int, through: str) -> None:
    """Write whether two of a job's items ask the same; `through` is how to come by them all, see `tables`."""
    query = f"""SELECT 1 FROM items {through} WHERE job = {job:d} AND status <> 'removed'
        GROUP BY digest HAVING count(*) > 1 LIMIT 1"""
    db.execute("UPDATE jobs SET repeats = ? WHERE id = ?", (db.execute(query).fetchone() is not None, job))
