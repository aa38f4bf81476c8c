"""What a function returns becomes results in JSON: NumPy, dataclasses, pydantic models and what JSON knows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, cast

import msgspec
from msgspec import Raw

from ...outcome import Outcome
from ...tasks.local import Result
from ..transport import TransportError
from .told import outcome_of, told


def result_of(value: object, folder: str = "") -> Result:
    """Return the result of one item: its output, or the error of one that is, or failed as, an exception."""
    if isinstance(value, BaseException):
        return Result(error=told(value, folder), outcome=outcome_of(value))
    try:
        return Result(output=Raw(_encode(value)))
    except _NoJsonError as error:
        held = "" if error.kind == _kind(value) else f" that holds one of type {error.kind}"
        return Result(error=f"the function returned a value of type {_kind(value)}{held}, which JSON has no word for")
    except Exception as error:  # noqa: BLE001 (methods of the user's own classes are called)
        return Result(error=f"the function returned a value of type {_kind(value)} that is no JSON: {told(error)}")


def entries_of(value: object, count: int) -> list[object]:
    """Return what was returned for `count` items, one by one; raises TransportError for another number."""
    listed = _listed(value)
    if listed is None:
        raise TransportError(
            Outcome.BAD_ITEM, f"the function returned a {_kind(value)}, not a list of results, one for each item"
        )
    found = list(islice(listed, count + 1))
    if len(found) != count:
        came = f"more than {count}" if len(found) > count else f"only {len(found)}"
        raise TransportError(Outcome.BAD_ITEM, f"of {count} results, one for each item, the function returned {came}")
    return found


def _listed(value: Any) -> Iterable[object] | None:  # noqa: ANN401 (whatever the function returned)
    """Return what a list, a tuple, a generator, an array or the like holds, None for what has no order."""
    if hasattr(value, "tolist"):  # NumPy, pandas, torch
        value = value.tolist()
    is_list = isinstance(value, Sequence | Iterator) and not isinstance(value, str | bytes)
    return cast("Iterable[object]", value) if is_list else None


class _NoJsonError(Exception):
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _plain(value: Any) -> object:  # noqa: ANN401 (whatever the encoder does not know)
    """Return what to write for a value of a kind that the encoder does not know."""
    if hasattr(value, "tolist"):  # arrays, scalars and tensors
        return value.tolist()
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return value.model_dump(mode="json")
    if isinstance(value, str):  # of a class of its own, which the encoder does not take for a text
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise _NoJsonError(_kind(value))


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def _kind(value: object) -> str:
    return type(value).__name__
