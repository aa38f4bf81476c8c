"""What is done with rows before they become items: a chain of steps, each lazy, in the order of the job file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..errors import InputError
from ..job import InputSpec
from ..preparespec import ChunkSpec, DuplicatesSpec, FilterSpec, PrioritySpec, SampleSpec, StepSpec, step_in_words
from ..source.row import Record
from .chunk import chunk
from .duplicates import duplicates
from .filter import filtered
from .order import priority, sample
from .step import Drop, Place, Step, StepError

__all__ = ["Drop", "Step", "StepError", "Tally", "build_step", "check_left", "prepared"]


LOOK_ROWS: Final = 100


@dataclass(slots=True)
class Tally:
    """How many rows there were, and how many each step has let through so far."""

    rows: list[int] = field(default_factory=list[int])
    """The rows of the input, then those behind each step."""
    look: Callable[[], None] = lambda: None
    """Called every so many rows of any step, for who may want to stop: it raises then."""


def build_step(spec: StepSpec) -> Step:
    """Return what does a step; raises StepError where that can't be done."""
    match spec:
        case ChunkSpec():
            return chunk(spec)
        case FilterSpec():
            return filtered(spec)
        case DuplicatesSpec():
            return duplicates(spec)
        case SampleSpec():
            return sample(spec)
        case PrioritySpec():
            return priority(spec)


def prepared(
    records: Iterator[Record],
    steps: Sequence[StepSpec],
    source: InputSpec,
    *,
    tally: Tally | None = None,
    drop: Sequence[Drop] = (),
    quick: bool = False,
) -> Iterator[Record]:
    """Return what is left of the rows of an input, as they come; raises InputError.

    `tally` counts, and each of `drop` is told of the rows that its step drops. `quick` leaves out what has to see all
    rows before the first can go.
    """
    tally = Tally() if tally is None else tally
    tally.rows[:] = [0] * (len(steps) + 1)
    records = _counted(records, tally, 0)
    for number, spec in enumerate(steps):
        place = Place(source, f"prepare[{number}]")
        if not (quick and spec.reads_all):
            records = _step(spec, place)(records, place, drop[number] if drop else _untold)
        records = _counted(records, tally, number + 1)
    return records


def _step(spec: StepSpec, place: Place) -> Step:
    try:
        return build_step(spec)
    except StepError as error:
        raise InputError(f"{place.table}.{error}") from error


def _counted(records: Iterable[Record], tally: Tally, place: int) -> Iterator[Record]:
    for record in records:
        tally.rows[place] += 1
        if not tally.rows[place] % LOOK_ROWS:
            tally.look()
        yield record


def _untold(_record: Record, _same: str | None) -> None:
    pass


def check_left(tally: Tally, steps: Sequence[StepSpec], name: str) -> None:
    """Raise InputError where rows came, and none is left."""
    if tally.rows[0] and not tally.rows[-1]:
        number = tally.rows.index(0) - 1
        step = f"prepare[{number}] ({step_in_words(steps[number])})"
        raise InputError(f"{name}: none of its {tally.rows[0]:,} rows is left after {step}")
