"""A workspace file: made, moved forward, and never somebody else's."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.histogram import Histogram
from batchtop.engine.identity import identify
from batchtop.engine.store import migrations
from batchtop.engine.store.migrations import STEPS, connect
from batchtop.engine.store.planning import beside
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.tables import create_key_index

from .workshop import job_of, rows_of

MANY_AT_ONCE = """
import sys
from pathlib import Path
from batchtop.engine.store.migrations import connect
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    connect(Path(sys.argv[1], f"{number}.db")).close()
"""

HOLDING = """
import sys
from pathlib import Path
from batchtop.engine.store.lock import WorkspaceLock
with WorkspaceLock(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""
SCHEMA = "SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL AND name NOT LIKE 'sqlite%'"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def test_a_new_file_has_the_tables_and_an_old_one_is_left_alone(workspace: Path):
    with closing(connect(workspace)) as db:
        db.execute("INSERT INTO commands (job, verb, args, who, at) VALUES ('a', 'pause', '{}', 'me', 0)")
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with closing(sqlite3.connect(workspace)) as watching:
        before = watching.execute("PRAGMA data_version").fetchone()
        with closing(connect(workspace)) as db:
            assert db.execute("SELECT count(*) FROM commands").fetchone() == (1,)
            assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,), "incremental"
        assert watching.execute("PRAGMA data_version").fetchone() == before, "opening it writes nothing"
    assert version(workspace) == len(STEPS)


def test_a_workspace_of_the_first_version_moves_forward_with_all_it_holds(workspace: Path):
    old = job_of(Path("/in"), name="old")
    with closing(sqlite3.connect(workspace, isolation_level=None)) as db:
        STEPS[0](db)
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO jobs (id, name, spec, state, done, created_at) VALUES (1, 'old', ?, 'drained', 1, 0)",
            (msgspec.json.encode(old).decode(),),
        )
        db.execute("INSERT INTO items VALUES (1, 1, '7', 1, x'00', ?, 1, 'done')", (b'{"text": "a"}',))
        db.execute("INSERT INTO results VALUES (1, 1, 1, x'00', 'ok', x'2279657322', NULL, 1, 10.0, 0.0)")
        sample = (1, 5.0, 1.0, 1, 0, 1, "{}", Histogram().encode(), 0, 4, 10, 5, 0.0, 0, 50.0, 0.1)
        db.execute(f"INSERT INTO samples VALUES ({', '.join('?' * len(sample))})", sample)
    with pytest.raises(WorkspaceError, match=r"written by an older batchtop; `batchtop run` .* brings it up to date"):
        Reader(workspace)
    with pytest.raises(WorkspaceError, match="written by an older batchtop"), beside(workspace):
        pass
    connect(workspace).close()
    with Reader(workspace) as reader:
        snapshot = reader.snapshot("old")
        assert snapshot is not None
        assert (snapshot.job.done, snapshot.job.cut, snapshot.job.spent) == (1, 0, {})
        assert [sample.spent for sample in snapshot.samples] == [{}]
        assert dict(reader.results.lines(1)) == {1: b'{"id":7,"status":"ok","output":"yes"}\n'}
    assert rows_of(workspace, "SELECT row, payload FROM payloads") == [(1, b'{"text": "a"}')]
    assert rows_of(workspace, "SELECT seq, digest FROM answers") == rows_of(
        workspace, "SELECT seq, digest FROM results"
    )
    assert rows_of(workspace, "SELECT digest FROM results") == [(identify(old)("7", {"text": "a"}),)]


def schema(path: Path) -> set[tuple[str, str]]:
    return {(name, " ".join(sql.replace('"', "").split())) for name, sql in rows_of(path, SCHEMA)}


def test_what_moved_forward_is_what_a_new_file_is_and_holds_no_empty_room(workspace: Path, tmp_path: Path):
    with closing(sqlite3.connect(workspace, isolation_level=None)) as db:
        for step in STEPS[:8]:
            step(db)
        db.execute("PRAGMA user_version = 8")
        db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'old', '{}', 'drained', 0)")
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO items (job, key, line, digest, payload, load) VALUES (1, ?1, ?1, x'00', zeroblob(900), 1)",
            ((str(number),) for number in range(2_000)),
        )
        create_key_index(db, 1)
        db.execute("COMMIT")
    connect(workspace).close()
    connect(tmp_path / "new.db").close()
    key_index = "CREATE UNIQUE INDEX items_of_1 ON items (key) WHERE job = 1"
    assert schema(workspace) == schema(tmp_path / "new.db") | {("items_of_1", key_index)}
    assert rows_of(workspace, "SELECT count(*) FROM items JOIN payloads USING (row) WHERE key = '1999'") == [(1,)]
    ((pages,), (free,)) = (rows_of(workspace, f"PRAGMA {name}")[0] for name in ("page_count", "freelist_count"))
    assert free > 400, f"what held the payloads can be used again, of {pages} pages"


def test_the_tables_of_an_engine_that_runs_stay_as_they_are(workspace: Path):
    """It is of an older version, and would ask for columns that are somewhere else."""
    with closing(sqlite3.connect(workspace)) as db:
        STEPS[0](db)
        db.execute("PRAGMA user_version = 1")
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(workspace)], stdin=-1, stdout=-1, text=True) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "ready\n"
        told = rf"the engine with pid {engine.pid} runs on it with an older batchtop; drain its jobs, then try again"
        with pytest.raises(WorkspaceError, match=told):
            connect(workspace)
        assert version(workspace) == 1
        for made in (0, len(STEPS)):  # by that engine, meanwhile
            migrations._check_alone(workspace, made)
        engine.communicate("go\n")
    connect(workspace).close()
    assert version(workspace) == len(STEPS)


def test_processes_that_make_the_same_file_at_once_all_get_it(tmp_path: Path):
    command = [sys.executable, "-c", MANY_AT_ONCE, str(tmp_path)]
    makers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    for maker in makers:
        maker.communicate(timeout=30)
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert {version(path) for path in tmp_path.glob("*.db")} == {len(STEPS)}


def test_a_process_in_the_middle_of_making_the_file_is_waited_for(workspace: Path):
    connect(workspace).close()
    with closing(sqlite3.connect(workspace, isolation_level=None)) as other, ThreadPoolExecutor(1) as second:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN IMMEDIATE")
        opening = second.submit(connect, workspace)
        assert wait([opening], timeout=0.1).not_done
        other.execute("COMMIT")
        opening.result(timeout=10).close()


def test_a_file_of_a_newer_version_is_refused(workspace: Path):
    with closing(sqlite3.connect(workspace)) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(WorkspaceError, match=r"was written by a newer batchtop .* update batchtop"):
        connect(workspace)


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (foreign_database, "is an SQLite file, but no batchtop workspace; choose another with --db"),
        (lambda path: path.write_text("dear diary\n" * 500), "cannot be used as a workspace"),
        (Path.mkdir, "cannot be used as a workspace"),
    ],
)
def test_what_is_no_workspace_is_refused_and_not_touched(tmp_path: Path, make, told):
    path = tmp_path / "precious.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(WorkspaceError, match=told) as caught:
        connect(path)
    assert str(path) in str(caught.value)
    assert before is None or path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_step_moves_an_older_file_forward_and_one_that_fails_leaves_it_as_it_was(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    connect(workspace).close()

    def half_a_step(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE extras (name TEXT) STRICT")
        db.execute("no such statement")

    monkeypatch.setattr(migrations, "STEPS", (*STEPS, half_a_step))
    with pytest.raises(WorkspaceError, match="syntax error"):
        connect(workspace)
    assert version(workspace) == len(STEPS)

    monkeypatch.setattr(migrations, "STEPS", (*STEPS, lambda db: db.execute("CREATE TABLE extras (name TEXT) STRICT")))
    connect(workspace).close()
    assert version(workspace) == len(STEPS) + 1
