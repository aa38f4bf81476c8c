"""Which rows are taken, and which go first."""

import math
from collections.abc import Iterator
from hashlib import blake2b

from ..expression import Expression, ExpressionError
from ..preparespec import PrioritySpec, SampleSpec
from ..source.row import Record
from ..store.spool import HIGHEST, LOWEST, Rank, in_order, lowest
from .step import Drop, Place, Step, StepError

_BITS = 63
"""Of the number that an id draws; a signed integer of SQLite holds them."""


def sample(spec: SampleSpec) -> Step:
    """Return the step; raises StepError."""
    if (spec.n is None) == (spec.share is None):
        raise StepError("step", "a sample needs either n, a number of rows, or share, a part of them as 0.1")
    most = 2**_BITS if spec.share is None else round(spec.share * 2**_BITS)
    salt = spec.seed.to_bytes(16, "little", signed=True)

    def drawn(key: str) -> int:
        return int.from_bytes(blake2b(key.encode(), digest_size=8, salt=salt).digest(), "little") >> 1

    def step(records: Iterator[Record], _place: Place, _drop: Drop) -> Iterator[Record]:
        ranked = ((drawn(record.key), record) for record in records)
        if spec.n is None:
            return (record for number, record in ranked if number < most)
        return in_order(ranked, lowest(spec.n))

    return step


def priority(spec: PrioritySpec) -> Step:
    """Return the step; raises StepError."""
    try:
        rank = Expression(spec.by)
    except ExpressionError as error:
        raise StepError("by", f"{spec.by!r}: {error}") from None

    def step(records: Iterator[Record], place: Place, _drop: Drop) -> Iterator[Record]:
        ranked = ((_rank(rank, record, place), record) for record in records)
        return in_order(ranked, HIGHEST if spec.first == "high" else LOWEST)

    return step


def _rank(rank: Expression, record: Record, place: Place) -> Rank:
    try:
        return _comparable(rank(record.fields))
    except ExpressionError as error:
        place.fail(record, "by", str(error))
    except TypeError as error:
        place.fail(record, "by", f"is {error}, which has no place in an order: a number or a text has")


def _comparable(value: object) -> Rank:
    """Return a value as it is compared: a text that is a number, as CSV has them, is one; raises TypeError."""
    if isinstance(value, str):
        value = _number(value)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise TypeError(type(value).__name__)
    try:
        return None if math.isnan(value) else float(value)
    except OverflowError:
        return math.copysign(math.inf, value > 0 or -1)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
