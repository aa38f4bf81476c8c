"""The output file: every result once, whatever happened to the process, the disk or the file before."""

import json
import os
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from batchtop.engine.errors import OutputError
from batchtop.engine.outcome import Outcome
from batchtop.engine.output import OutputFiles
from batchtop.engine.settle import Settled
from batchtop.engine.store import record
from batchtop.engine.store.migrations import connect
from hypothesis import given, settings
from hypothesis import strategies as st

from .workshop import lines_of, settled

JOB = 1
MEMORY = Path("/dev/shm")
"""Where the many small files of a property test cost no waiting for a disk."""


class Disk:
    """A workspace with one job, its files, and the position its writer committed last."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "batchtop.db"
        self.output = folder / "out.jsonl"
        self.failures = folder / "failed.jsonl"
        self.db = connect(self.path)
        self.db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'job', '{}', 'running', 0)")
        self.ends: list[Outcome] = []

    def opened(self, *, position_kept: bool = True) -> OutputFiles:
        """Open the files as a run does at its start."""
        files = OutputFiles(str(self.output), str(self.failures))
        with ExitStack() as stack:
            stack.callback(files.close)
            if record.output_position(self.db, JOB)[1] < 0:
                files.claim()
                record.claim_output(self.db, JOB)
            seq, size = record.output_position(self.db, JOB)
            files.open(self.path, JOB, seq=seq, size=size)
            stack.pop_all()
        if position_kept:
            self.keep_position(files)
        return files

    def keep_position(self, files: OutputFiles) -> None:
        if position := files.position():
            self.db.execute("UPDATE jobs SET output_seq = ?, output_bytes = ?", position)

    def commit(self, outcomes: Iterable[Outcome]) -> tuple[list[Settled], int]:
        """Store so many results; the next row's number is each one's id."""
        made = [settled(row, outcome) for row, outcome in enumerate(outcomes, len(self.ends) + 1)]
        for each in made:
            values = (each.item.row, each.item.row, str(each.item.row))
            self.db.execute(
                "INSERT INTO items (row, job, line, key, digest, payload, load) VALUES (?, 1, ?, ?, x'', x'7b7d', 1)",
                values,
            )
            ok = each.answer.outcome is Outcome.OK
            self.db.execute(
                "INSERT INTO results (job, item, outcome, output, message, attempts, latency_ms, at)"
                " VALUES (1, ?, ?, ?, ?, 1, 1, 1)",
                (each.item.row, each.answer.outcome, each.answer.output if ok else None, each.answer.message),
            )
            self.ends.append(each.answer.outcome)
        return made, len(self.ends)

    def check(self) -> None:
        """See that both files hold every result once, in the order of the commits."""
        self.opened().close()
        good = [row for row, outcome in enumerate(self.ends, 1) if outcome is Outcome.OK]
        bad = [row for row, outcome in enumerate(self.ends, 1) if outcome is not Outcome.OK]
        assert [line["id"] for line in lines_of(self.output)] == good
        assert [line["id"] for line in lines_of(self.failures)] == bad


@pytest.fixture
def disk(tmp_path: Path):
    made = Disk(tmp_path)
    with closing(made.db):
        yield made


def shape(path: Path) -> list[str]:
    return path.read_text().splitlines()


OK, BAD = Outcome.OK, Outcome.BAD_ITEM


def test_each_line_is_as_the_contract_says(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK, BAD, OK]))
    assert shape(disk.output) == ['{"id":1,"status":"ok","output":"yes"}', '{"id":3,"status":"ok","output":"yes"}']
    assert shape(disk.failures) == [
        '{"id":2,"status":"failed","error":{"kind":"bad_item","message":"it was bad_item"},"attempts":1}'
    ]
    assert files.position() == (3, disk.output.stat().st_size)
    assert files.position() is None, "told once"
    files.close()


@given(
    groups=st.lists(st.lists(st.sampled_from([OK, OK, BAD]), min_size=1, max_size=3), max_size=4),
    kept=st.lists(st.booleans(), min_size=5, max_size=5),
    lost_append=st.booleans(),
    after=st.lists(st.sampled_from([OK, BAD]), max_size=2),
    data=st.data(),
)
@settings(deadline=None)
def test_after_a_crash_at_any_moment_every_result_is_there_once(groups, kept, lost_append, after, data):
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        disk = Disk(Path(folder))
        with closing(disk.db):
            files = disk.opened(position_kept=kept[4])
            for number, group in enumerate(groups):
                made = disk.commit(group)
                if not (lost_append and number == len(groups) - 1):
                    files.append(*made)
                if kept[number]:
                    disk.keep_position(files)
            files.close()
            whole, known = disk.output.read_bytes(), record.output_position(disk.db, JOB)[1]
            torn = data.draw(st.integers(0, len(whole)))
            litter = data.draw(st.sampled_from([b"", b"\0\0\0", b'{"id":9'])) if torn >= known else b""
            disk.output.write_bytes(whole[:torn] + litter)
            disk.check()
            again = disk.opened()
            again.append(*disk.commit(after))
            again.close()
            disk.check()


def test_a_tail_of_any_length_behind_the_last_known_position_is_cut(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK]))
    disk.keep_position(files)
    known = disk.output.stat().st_size
    files.append(*disk.commit([OK, OK]))
    files.close()
    whole = disk.output.read_bytes()
    for length in range(known, len(whole) + 1):
        disk.output.write_bytes(whole[:length])
        disk.check()
        disk.db.execute("UPDATE jobs SET output_seq = 1, output_bytes = ?", (known,))


def test_a_file_that_was_taken_away_is_written_anew(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK, OK]))
    disk.keep_position(files)
    files.close()
    disk.output.unlink()
    disk.check()


def test_a_crash_while_earlier_results_go_to_a_new_file_leaves_a_file_that_can_go_on(disk: Disk):
    disk.commit([OK, OK, OK])
    disk.opened(position_kept=False).close()
    disk.output.write_bytes(disk.output.read_bytes()[:50])
    disk.check()


@pytest.mark.parametrize("which", ["output", "failures"])
def test_a_file_that_holds_something_else_is_refused_and_kept(disk: Disk, which: str):
    path: Path = getattr(disk, which)
    path.write_text("my notes\n")
    with pytest.raises(OutputError, match=rf"{path}: holds something this job did not write; move it away"):
        disk.opened()
    assert path.read_text() == "my notes\n"


def test_an_empty_file_is_nobodys(disk: Disk):
    disk.output.touch()
    disk.failures.touch()
    disk.check()


@pytest.mark.parametrize("name", ["missing/out.jsonl", "."])
def test_a_file_that_cannot_be_opened_is_told(disk: Disk, tmp_path: Path, name: str):
    disk.output = tmp_path / name
    with pytest.raises(OutputError, match=r"cannot be written \((No such file|Is a directory)"):
        disk.opened()


def test_a_full_disk_is_remembered_and_never_raised(disk: Disk):
    disk.failures = Path("/dev/full")
    files = disk.opened()
    files.append(*disk.commit([OK]))
    assert files.failure is None
    before = files.position()
    files.append(*disk.commit([BAD]))
    assert files.failure is not None
    assert files.failure.strerror == "No space left on device"
    files.append(*disk.commit([OK]))
    assert files.position() in {None, (2, before[1] if before else 0)}
    files.close()
    disk.failures = disk.path.with_name("failed.jsonl")
    disk.check()


def test_what_is_no_regular_file_needs_no_syncing(disk: Disk):
    disk.failures = Path(os.devnull)
    files = disk.opened()
    files.append(*disk.commit([BAD]))
    files.close()
    assert files.failure is None


def test_without_files_nothing_is_written(disk: Disk, tmp_path: Path):
    files = OutputFiles("", "")
    files.open(disk.path, JOB, seq=0, size=-1)
    files.append(*disk.commit([OK, BAD]))
    assert files.position() is None
    files.close()
    assert not list(tmp_path.glob("*.jsonl"))


def test_standard_output_gets_the_lines_and_keeps_no_position(disk: Disk, capfdbinary: pytest.CaptureFixture[bytes]):
    files = OutputFiles("-", "")
    files.open(disk.path, JOB, seq=0, size=-1)
    files.append(*disk.commit([OK]))
    assert files.position() is None
    files.close()
    assert json.loads(capfdbinary.readouterr().out) == {"id": 1, "status": "ok", "output": "yes"}
