"""What a step of the preparation is given besides the rows: where it stands in the job file, and whom to tell. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Never, TypeAlias

import msgspec

from ..errors import InputError
from ..job import InputSpec
from ..settings import did_you_mean
from ..source.place import place
from ..source.row import Record

Drop: TypeAlias = Callable[[Record, str | None], None]
"""Is told of each row that goes no further, with the key of the row that stays in its place, if there is one."""


class StepError(Exception):
    """A step that can't be taken as it is written, or not on this machine; names its key."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands, for messages."""

    input: InputSpec
    table: str
    """Its dotted name in the job file, as `prepare[0]`."""

    def fail(self, record: Record, key: str, problem: str) -> Never:
        """Raise InputError for one row."""
        where = f"{self.input.name}, line {record.line}" if self.input.live else place(self.input, record.line)
        raise InputError(f"{where}, item {record.key}: {self.table}.{key}: {problem}")

    def named(self, records: Iterable[Record], key: str, fields: Iterable[str]) -> Iterator[Record]:
        """Yield the rows; raises InputError at their end for a field that none of them had."""
        missing = set(fields)
        last: Record | None = None
        for last in records:
            if missing:
                missing.difference_update(last.fields)
            yield last
        if last is not None and missing:
            wrong = min(missing)
            raise InputError(
                f"{self.input.name}: no row has a field {wrong!r}, which {self.table}.{key} names"
                f"{did_you_mean(wrong, last.fields)}"
            )


def text_of(fields: Mapping[str, object], name: str) -> str:
    """Return a field as text: JSON for what is none, empty where there is nothing."""
    value = fields.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


Step: TypeAlias = Callable[[Iterator[Record], Place, Drop], Iterator[Record]]
"""Takes rows and yields those that go on, one by one where it can; raises InputError."""
