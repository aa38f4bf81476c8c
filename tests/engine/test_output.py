"""The output file: every result once, whatever happened to the process, the disk or the file before."""

import json
import os
import resource
import signal
import threading
import tracemalloc
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import pytest
from batchtop.engine.errors import OutputError
from batchtop.engine.outcome import Outcome
from batchtop.engine.output.appended import Appended
from batchtop.engine.output.files import OutputFiles
from batchtop.engine.settle import Settled
from batchtop.engine.store import record
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.record import Place
from batchtop.engine.store.results import Order
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

    def opened(self, *, position_kept: bool = True, order: Order = "completed") -> OutputFiles:
        """Open the files as a run does at its start."""
        files = OutputFiles(str(self.output), str(self.failures), order=order)
        with ExitStack() as stack:
            stack.callback(files.close)
            start = files.start(self.path, JOB, record.output_place(self.db, JOB, files.place))
            record.claim_output(self.db, JOB, start)
            files.open(self.path, JOB, start)
            stack.pop_all()
        if position_kept:
            self.keep_position(files)
        return files

    def keep_position(self, files: OutputFiles) -> None:
        if position := files.position():
            self.db.execute("UPDATE jobs SET output_seq = ?, output_bytes = ? WHERE id = 1", position)

    def rows(self, count: int) -> None:
        """Store so many items, failed ones with a long message."""
        every = range(1, count + 1)
        self.db.execute("BEGIN")
        self.db.executemany(
            "INSERT INTO items (row, job, line, key, digest, load, status)"
            " VALUES (?1, 1, ?1, CAST(?1 AS TEXT), x'', 1, 'failed')",
            ((row,) for row in every),
        )
        self.db.executemany(
            "INSERT INTO results (job, item, digest, outcome, message, attempts, latency_ms, at)"
            " VALUES (1, ?, x'', 'bad_item', ?, 1, 1, 1)",
            ((row, "x" * 500) for row in every),
        )
        self.db.execute("COMMIT")

    def commit(self, outcomes: Iterable[Outcome]) -> tuple[list[Settled], int]:
        """Store so many results; the next row's number is each one's id."""
        made = [settled(row, outcome) for row, outcome in enumerate(outcomes, len(self.ends) + 1)]
        for each in made:
            status = "done" if each.answer.outcome is Outcome.OK else "failed"
            values = (each.item.row, each.item.row, str(each.item.row), status)
            self.db.execute(
                "INSERT INTO items (row, job, line, key, digest, load, status) VALUES (?, 1, ?, ?, x'', 1, ?)",
                values,
            )
            ok = each.answer.outcome is Outcome.OK
            self.db.execute(
                "INSERT INTO results (job, item, digest, outcome, output, message, attempts, latency_ms, at)"
                " VALUES (1, ?, x'', ?, ?, ?, 1, 1, 1)",
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
            whole, known = disk.output.read_bytes(), record.output_place(disk.db, JOB, "").size
            torn = data.draw(st.integers(0, len(whole)))
            told_by = known or whole.find(b"\n") + 1
            litter = data.draw(st.sampled_from([b"", b"\0\0\0", b'{"id":9'])) if torn >= told_by > 0 else b""
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


FOREIGN = (
    "my notes\n",
    '{"id":1,"text":"a row of an input"}\n',
    '{"id":1,"status":"failed"}\n',
    '{"id":1,"status":"failed","error":"none","attempts":1}\n',
    '{"id":1,"status":"fai',
    "{",
)


def refused(disk: Disk, path: Path) -> None:
    before = disk.output.read_bytes() if disk.output.exists() else b"", path.read_bytes()
    with pytest.raises(OutputError, match=rf"{path}: holds something this job did not write; move it away"):
        disk.opened()
    assert (disk.output.read_bytes() if disk.output.exists() else b"", path.read_bytes()) == before


@pytest.mark.parametrize("text", [*FOREIGN, '{"id":1,"status":"ok","output":"yes"}\n'])
@pytest.mark.parametrize("which", ["output", "failures"])
def test_a_file_that_holds_something_else_is_refused_and_kept(disk: Disk, which: str, text: str):
    path: Path = getattr(disk, which)
    path.write_text(text)
    refused(disk, path)


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("text", [*FOREIGN[:5], FOREIGN[1] * 20, "\0" * 500 + "x"])
def test_a_claimed_file_is_written_over_no_more_when_somebody_else_wrote_there(disk: Disk, text: str, *, stale: bool):
    disk.opened().close()
    disk.output.write_text(text)
    refused(disk, disk.output)
    disk.output.unlink()
    files = disk.opened()
    files.append(*disk.commit([OK, BAD, OK, OK, BAD]))
    disk.keep_position(files)
    files.close()
    disk.db.execute("UPDATE jobs SET output_stale = ?", (stale,))
    ours = disk.output.read_bytes()
    disk.output.write_text(text)
    refused(disk, disk.output)
    disk.output.write_bytes(ours + b"what came later")
    disk.check()


def test_a_file_that_is_to_be_written_anew_stays_this_jobs_until_it_is(disk: Disk):
    """Though a crash on the way leaves any part of it, and it grows longer than it was."""
    disk.opened().close()
    files = disk.opened()
    files.append(*disk.commit([OK, OK]))
    disk.keep_position(files)
    files.close()
    disk.commit([OK, OK, OK])
    disk.db.execute("UPDATE items SET status = 'removed' WHERE row = 1")
    disk.db.execute("UPDATE jobs SET output_stale = 1")
    disk.opened(position_kept=False).close()
    whole = disk.output.read_bytes()
    assert [line["id"] for line in lines_of(disk.output)] == [2, 3, 4, 5]
    for length in range(len(whole)):
        disk.output.write_bytes(whole[:length])
        disk.opened(position_kept=False).close()
        assert disk.output.read_bytes() == whole


def test_a_file_whose_every_line_went_is_still_this_jobs(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK, OK]))
    files.close()
    disk.db.execute("UPDATE items SET digest = x'02'")
    disk.db.execute("UPDATE jobs SET output_stale = 1")
    disk.opened().close()
    assert disk.output.read_bytes() == b""


def test_an_answer_that_never_came_to_the_file_says_nothing_of_how_it_ends(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK]))
    disk.keep_position(files)
    disk.commit([OK])
    disk.db.execute("UPDATE items SET digest = x'02' WHERE row = 2")
    files.append(*disk.commit([BAD]))
    disk.keep_position(files)
    files.close()
    disk.opened().close()
    assert [line["id"] for line in lines_of(disk.output)] == [1]


def test_the_output_of_another_job_is_refused_by_whatever_name(disk: Disk, tmp_path: Path):
    disk.opened().close()
    disk.db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (2, 'other', '{}', 'running', 0)")
    alias = tmp_path / "alias.jsonl"
    alias.symlink_to(disk.output)
    place = OutputFiles(str(alias), "").place
    for ask in (lambda: record.output_place(disk.db, 2, place), lambda: record.claim_output(disk.db, 2, Place(place))):
        with pytest.raises(OutputError, match=rf"{disk.output}: is the output of job job; choose another output"):
            ask()


def test_catching_up_takes_the_same_memory_however_many_lines_there_are(disk: Disk):
    disk.rows(20_000)
    tracemalloc.start()
    try:
        disk.opened().close()
        assert tracemalloc.get_traced_memory()[1] < 5e6 < disk.failures.stat().st_size
    finally:
        tracemalloc.stop()
    assert [line["id"] for line in lines_of(disk.failures)] == list(range(1, 20_001))


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
    files.open(disk.path, JOB, files.start(disk.path, JOB, Place()))
    files.append(*disk.commit([OK, BAD]))
    assert files.position() is None
    files.close()
    assert not list(tmp_path.glob("*.jsonl"))


def test_standard_output_gets_the_lines_and_keeps_no_position(disk: Disk, capfdbinary: pytest.CaptureFixture[bytes]):
    files = OutputFiles("-", "")
    files.open(disk.path, JOB, files.start(disk.path, JOB, Place()))
    files.append(*disk.commit([OK]))
    assert files.position() is None
    files.close()
    assert json.loads(capfdbinary.readouterr().out) == {"id": 1, "status": "ok", "output": "yes"}


# ── after a power cut ──

GARBAGE = st.binary(min_size=1, max_size=60)


@given(
    groups=st.tuples(*[st.lists(st.sampled_from([OK, OK, BAD]), max_size=4)] * 2),
    litter=st.one_of(st.just(b""), st.integers(1, 9000).map(bytes), GARBAGE),
    hole=st.booleans(),
    kept=st.tuples(st.booleans(), st.booleans()),
    data=st.data(),
)
@settings(deadline=None)
def test_after_a_power_cut_both_files_hold_every_result_once(groups, litter, hole, kept, data):
    """Torn anywhere, with whatever behind, while the database remembers an early, the last, or no position."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        disk = Disk(Path(folder))
        with closing(disk.db):
            files = disk.opened()
            for outcomes, is_kept in zip(groups, kept, strict=True):
                files.append(*disk.commit(outcomes))
                if is_kept:
                    disk.keep_position(files)
            files.close()
            for path in (disk.output, disk.failures):
                spoil(path, litter, hole=hole, data=data)
            disk.check()


def spoil(path: Path, litter: bytes, *, hole: bool, data: st.DataObject) -> None:
    """Tear a file and put something behind; what is no zero byte only where the first line tells whose it is."""
    whole = path.read_bytes()
    first = whole.find(b"\n") + 1
    if litter.strip(b"\0") and not first:
        return
    torn = data.draw(st.integers(first if litter.strip(b"\0") else 0, len(whole)))
    left = bytearray(whole[:torn] + litter)
    if hole and len(left) > first > 0:
        at = data.draw(st.integers(first, len(left) - 1))
        left[at : at + 5] = bytes(len(left[at : at + 5]))
    path.write_bytes(left)


def test_a_first_line_that_is_torn_and_goes_on_otherwise_is_nobodys(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK, BAD]))
    disk.keep_position(files)
    files.close()
    for path, shared in ((disk.output, 20), (disk.failures, 30)):
        ours = path.read_bytes()
        path.write_bytes(ours[:shared] + b"my notes\n")
        refused(disk, path)
        path.write_bytes(ours)
    disk.failures.write_bytes(disk.failures.read_bytes()[:70] + b"\xff\n\xfe")
    disk.check()


def test_a_hole_in_what_was_known_is_mended(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK] * 5))
    disk.keep_position(files)
    files.close()
    whole = disk.output.read_bytes()
    disk.output.write_bytes(whole[:60] + bytes(10) + whole[70:])
    disk.check()
    assert disk.output.read_bytes() == whole


# ── taken away while the job runs ──


@pytest.mark.parametrize("which", ["output", "failures"])
def test_a_file_that_is_removed_meanwhile_is_written_again(disk: Disk, which: str):
    path: Path = getattr(disk, which)
    files = disk.opened()
    files.append(*disk.commit([OK, BAD, OK]))
    assert files.look(disk.db, JOB) == []
    path.unlink()
    files.append(*disk.commit([OK, BAD]))
    assert files.look(disk.db, JOB) == [f"{path} was removed while the job ran; it is written again"]
    files.append(*disk.commit([BAD, OK]))
    disk.keep_position(files)
    files.to_disk()
    files.close()
    assert files.failure is None
    disk.check()


@pytest.mark.parametrize("which", ["output", "failures"])
def test_what_takes_the_place_of_a_file_is_left_alone(disk: Disk, which: str):
    path: Path = getattr(disk, which)
    files = disk.opened()
    files.append(*disk.commit([OK, BAD]))
    path.unlink()
    path.write_text("my notes\n")
    assert files.look(disk.db, JOB) == []
    assert f"{path}: something else was put in its place while the job ran" in str(files.failure)
    files.append(*disk.commit([OK, BAD]))
    files.close()
    assert path.read_text() == "my notes\n"
    refused(disk, path)


def test_nobody_slips_in_while_a_file_is_made_anew(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    files = disk.opened()
    monkeypatch.setattr(Appended, "standing", lambda self: "gone")
    assert files.look(disk.db, JOB) == []
    assert "something else was put in its place" in str(files.failure)
    files.close()


def test_a_file_that_is_cut_meanwhile_stops_the_job_and_the_next_run_mends_it(disk: Disk):
    files = disk.opened()
    files.append(*disk.commit([OK, OK]))
    os.truncate(disk.output, 10)
    files.look(disk.db, JOB)
    assert "it was cut short by another program" in str(files.failure)
    files.close()
    disk.check()


def test_a_folder_that_goes_with_its_file_is_a_failure(disk: Disk, tmp_path: Path):
    disk.output = tmp_path / "sub" / "out.jsonl"
    disk.output.parent.mkdir()
    files = disk.opened()
    rmtree(disk.output.parent)
    assert files.look(disk.db, JOB) == []
    assert isinstance(files.failure, FileNotFoundError)
    files.close()


# ── synced ──


def test_with_sync_a_block_is_on_the_disk_before_its_position_is_told(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.fstat(handle).st_size))
    files = OutputFiles(str(disk.output), str(disk.failures), sync=True)
    files.open(disk.path, JOB, files.start(disk.path, JOB, Place()))
    files.append(*disk.commit([OK, BAD]))
    assert sorted(synced) == sorted([disk.output.stat().st_size, disk.failures.stat().st_size])
    assert files.position() == (2, synced[0])
    files.close()


def test_bringing_files_to_the_disk_is_possible_at_any_time(disk: Disk):
    files = disk.opened()
    threads = [threading.Thread(target=lambda: [files.to_disk() for _ in range(50)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        disk.output.unlink()
        files.look(disk.db, JOB)
    files.close()
    for thread in threads:
        thread.join()
    assert files.failure is None


# ── in the order of the input ──


def finished(disk: Disk) -> list[int]:
    """Run to the end in the order of the input, which is backwards, and return the ids in the output."""
    backwards(disk)
    files = disk.opened(order="input")
    files.close()
    record.claim_output(disk.db, JOB, files.write_whole(disk.path, JOB))
    return [line["id"] for line in lines_of(disk.output)]


def backwards(disk: Disk) -> None:
    disk.db.execute("UPDATE items SET line = -row")


def test_in_the_order_of_the_input_the_file_comes_at_the_end_and_whole(disk: Disk):
    files = disk.opened(order="input")
    files.append(*disk.commit([OK, BAD, OK, OK]))
    backwards(disk)
    files.close()
    assert not disk.output.exists()
    assert [line["id"] for line in lines_of(disk.failures)] == [2]
    place = files.write_whole(disk.path, JOB)
    record.claim_output(disk.db, JOB, place)
    assert [line["id"] for line in lines_of(disk.output)] == [4, 3, 1]
    assert place == Place(str(disk.output), 1, disk.output.stat().st_size, stale=True)
    assert not disk.output.with_name("out.jsonl.part").exists()
    disk.output.chmod(0o600)
    disk.commit([OK])
    assert finished(disk) == [5, 4, 3, 1]
    assert disk.output.stat().st_mode & 0o777 == 0o600


def test_an_earlier_version_stays_until_then_and_either_order_follows_the_other(disk: Disk):
    disk.commit([OK, OK, OK])
    disk.opened().close()
    appended = disk.output.read_bytes()
    backwards(disk)
    disk.commit([OK])
    disk.opened(order="input").close()
    assert disk.output.read_bytes() == appended
    disk.check()
    assert finished(disk) == [4, 3, 2, 1]
    disk.check()
    assert finished(disk) == [4, 3, 2, 1]


@pytest.mark.parametrize("known", ["as before", "not yet written down"])
def test_a_crash_on_the_way_leaves_a_file_that_is_this_jobs(disk: Disk, known: str):
    disk.commit([OK, OK, OK])
    backwards(disk)
    part = disk.output.with_name("out.jsonl.part")
    files = disk.opened(order="input")
    files.close()
    files.write_whole(disk.path, JOB)
    if known == "as before":
        disk.output.rename(part)
        part.write_bytes(part.read_bytes()[:-7])
    disk.commit([OK])
    assert finished(disk) == [4, 3, 2, 1]
    assert not part.exists()


def test_what_is_somebody_elses_is_refused_at_the_start_and_at_the_end(disk: Disk):
    disk.commit([OK])
    part = disk.output.with_name("out.jsonl.part")
    for path in (disk.output, part):
        path.write_text("my notes\n")
        with pytest.raises(OutputError, match=rf"{path}: holds something this job did not write"):
            disk.opened(order="input")
        path.unlink()
    part.mkdir()
    with pytest.raises(OutputError, match=rf"{part}: holds something"):
        disk.opened(order="input")
    part.rmdir()
    files = disk.opened(order="input")
    files.close()
    disk.output.write_text("my notes\n")
    with pytest.raises(OutputError, match=r"holds something this job did not write"):
        files.write_whole(disk.path, JOB)
    assert disk.output.read_text() == "my notes\n"


def test_a_file_too_large_for_its_disk_leaves_the_earlier_one(disk: Disk):
    disk.commit([OK])
    assert finished(disk) == [1]
    disk.commit([OK] * 200)
    files = disk.opened(order="input")
    files.close()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot be written \(File too large\)"):
            files.write_whole(disk.path, JOB)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [line["id"] for line in lines_of(disk.output)] == [1]
    assert not disk.output.with_name("out.jsonl.part").exists()
    assert finished(disk) == list(range(201, 0, -1))


def test_a_device_is_written_and_never_replaced(disk: Disk):
    disk.commit([OK])
    disk.output = Path("/dev/full")
    files = disk.opened(order="input")
    files.close()
    with pytest.raises(OutputError, match="No space left on device"):
        files.write_whole(disk.path, JOB)
    assert disk.output.is_char_device()


def test_standard_output_gets_it_all_at_the_end(disk: Disk, capfdbinary: pytest.CaptureFixture[bytes]):
    files = OutputFiles("-", "", order="input")
    files.open(disk.path, JOB, files.start(disk.path, JOB, Place()))
    files.append(*disk.commit([OK, OK]))
    backwards(disk)
    files.close()
    files.write_whole(disk.path, JOB)
    assert [json.loads(line)["id"] for line in capfdbinary.readouterr().out.splitlines()] == [2, 1]


# ── of several jobs ──


def test_two_jobs_never_share_a_failures_file(disk: Disk, tmp_path: Path):
    def job(number: int, failures: object) -> None:
        spec = json.dumps({"output": {"failures": str(failures)}})
        disk.db.execute(
            "INSERT INTO jobs (id, name, spec, state, created_at) VALUES (?1, 'job' || ?1, ?2, 'running', 0)",
            (number, spec),
        )

    alias = tmp_path / "alias.jsonl"
    alias.symlink_to(disk.failures)
    job(2, disk.failures)
    job(3, alias)
    job(4, os.devnull)
    record.claim_output(disk.db, 2, Place(), str(disk.failures), at=1.0)
    for ask in (
        lambda: record.output_place(disk.db, 3, "", str(alias)),
        lambda: record.claim_output(disk.db, 3, Place(), str(alias), at=1.0),
        lambda: record.claim_output(disk.db, 3, Place(str(alias)), at=1.0),
    ):
        with pytest.raises(OutputError, match=rf"{alias}: is the failures file of job job2; choose another"):
            ask()
    record.claim_output(disk.db, 2, Place(), str(disk.failures), at=1.0)
    for number in (3, 4):
        record.claim_output(disk.db, number, Place(os.devnull), os.devnull, at=1.0)
