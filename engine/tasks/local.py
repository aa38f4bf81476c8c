"""Work that is done on this machine: the fields of items go to a function or a program, results come back.

Both ways are JSON: a list with the fields of each item, and a list with as many entries, each an `output` or an
`error` with the `outcome` that it counts as.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from ..answer import Answer, Usage
from ..item import Item
from ..outcome import Outcome
from ..text import plural, safe
from ..transports.transport import Request, Response
from .task import Call, Plan, Reply, each_for_itself
from .template import absent, render_each


class Result(Struct, omit_defaults=True):
    """What became of one item."""

    output: Raw = Raw()
    """JSON text, empty where there is an error."""
    error: str = ""
    outcome: Outcome = Outcome.BAD_ITEM
    """What the error counts as."""


class LocalTask:
    """The task of everything that works on this machine; `target` says what does, and where."""

    def __init__(self, target: str, fields: Sequence[str] = (), *, whole: bool) -> None:
        self._target = target
        self._fields = tuple(fields)
        self._whole = whole

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:  # noqa: ARG002 (`whole` says it)
        """Return one call for all items, or one for each."""
        fit, unfit = render_each(items, self._given)
        size = max(1, len(fit)) if self._whole else 1
        return Plan(tuple(self._call(fit[start : start + size]) for start in range(0, len(fit), size)), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return each item's result; none counts where they are not as many as the items."""
        try:
            results = _decode(response.body)
        except (ValueError, RecursionError) as error:
            return _failed(call, f"{self._target}: its results can't be read ({error})")
        if len(results) != len(call.items):
            return _failed(
                call, f"{self._target}: {plural(len(call.items), 'item')} given, {plural(len(results), 'result')} came"
            )
        return each_for_itself(tuple(map(_answer, results)))

    def _given(self, item: Item) -> object:
        if not self._fields:
            return item.fields
        for field in self._fields:
            if field not in item.fields:
                raise absent(field, item.fields)
        return {field: item.fields[field] for field in self._fields}

    def _call(self, fit: Sequence[tuple[Item, object]]) -> Call:
        items, given = zip(*fit, strict=True)
        return Call(items, Request(self._target, msgspec.json.encode(given), method="CALL"), Usage())


_decode = msgspec.json.Decoder(list[Result]).decode


def _answer(result: Result) -> Answer:
    if result.error:
        return Answer(result.outcome, message=safe(result.error, ()))
    return Answer(Outcome.OK, bytes(result.output) or b"null")


def _failed(call: Call, message: str) -> Reply:
    answer = Answer(Outcome.SHORT_REPLY, message=safe(message, ()))
    return Reply(answer.outcome, (answer,) * len(call.items), message=answer.message)
