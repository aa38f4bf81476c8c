"""The rows of a job as its workspace stores them: read, prepared, and told apart by what is asked."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from .errors import InputError
from .identity import identify
from .job import JobSpec
from .prepare import Drop, Tally, check_left, prepared
from .prepare.dropped import dropped_files
from .source import Record, Rejected, Row, open_source


def records_of(
    job: JobSpec,
    *,
    at: Callable[[int], None] = lambda _byte: None,
    rejected: Callable[[Rejected], None] = lambda _row: None,
    tally: Tally | None = None,
    drop: Sequence[Drop] = (),
    quick: bool = False,
) -> Iterator[Record]:
    """Yield what is to be asked, in its order; raises InputError. `at` is told how many bytes are read.

    `rejected` is told each row that can't be, where such are set aside, `tally` counts the rows before and after each
    step of the preparation, each of `drop` is told what its step drops; `quick` leaves out the steps that have to see
    all rows before the first.
    """
    if job.input.live:
        raise InputError(f"{job.name}: {job.input.name} can't be read ahead: items come while the job runs")
    tally = Tally() if tally is None else tally
    rows = open_source(job.input, at=at, rejected=rejected)
    yield from prepared(rows, job.prepare, job.input, tally=tally, drop=drop, quick=quick)
    check_left(tally, job.prepare, job.input.name)


def rows_of(
    job: JobSpec,
    *,
    at: Callable[[int], None] = lambda _byte: None,
    rejected: Callable[[Rejected], None] = lambda _row: None,
    tally: Tally | None = None,
    drop: Sequence[Drop] = (),
) -> Generator[Row]:
    """Yield the same with its digest, see `engine.identity`."""
    return _told_apart(job, records_of(job, at=at, rejected=rejected, tally=tally, drop=drop))


def told_apart(job: JobSpec, records: Iterator[Record]) -> Iterator[Row]:
    """Yield records that come while the job runs, prepared, with their digest, each as soon as it is there."""
    with dropped_files(job.prepare) as drop:
        yield from _told_apart(job, prepared(records, job.prepare, job.input, drop=drop))


def _told_apart(job: JobSpec, records: Iterable[Record]) -> Generator[Row]:
    digest = identify(job)
    for record in records:
        yield Row(record.line, record.key, record.payload, digest(record.key, record.fields))
