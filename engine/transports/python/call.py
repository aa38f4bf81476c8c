"""One call of a user's function: items as JSON go in, results as JSON come out, and nothing escapes it."""

import asyncio
import inspect
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from ...taskspec import Takes
from ..transport import TransportError
from .prints import prints_aside
from .results import entries_of, result_of
from .told import outcome_of, told

Function: TypeAlias = Callable[..., Any]
Fields: TypeAlias = dict[str, object]

_items: Final = msgspec.json.Decoder(list[Fields]).decode


def is_async(function: Function) -> bool:
    """Return whether a function is to be awaited."""
    inner = getattr(function, "__call__", None)  # noqa: B004 (an object with `async def __call__`)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inner)


class Caller:
    """Calls a function as its task says, with a body that LocalTask made; raises TransportError and nothing else."""

    def __init__(self, function: Function, takes: Takes) -> None:
        self._function = function
        self._takes = takes
        self._folder = _folder_of(function)
        self._process = os.getpid()

    def call(self, body: bytes) -> bytes:
        """Return the results of the items in `body`."""
        items = _items(body)
        with self._contained(), prints_aside():
            return self._results(self._function(self._given(items)), len(items))

    async def call_async(self, body: bytes) -> bytes:
        """Return the same of a coroutine function."""
        items = _items(body)
        with self._contained(), prints_aside():
            return self._results(await self._function(self._given(items)), len(items))

    def _given(self, items: Sequence[Fields]) -> object:
        match self._takes:
            case "item":
                return items[0]
            case "batch":
                return items
            case _:
                names = dict.fromkeys(name for item in items for name in item)
                return {name: [item.get(name) for item in items] for name in names}

    def _results(self, value: object, count: int) -> bytes:
        values = [value] if self._takes == "item" else entries_of(value, count)
        return msgspec.json.encode([result_of(each, self._folder) for each in values])

    @contextmanager
    def _contained(self) -> Generator[None]:
        """Turn whatever the function raises into its item's failure, SystemExit and KeyboardInterrupt as well."""
        try:
            yield
        except TransportError:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            raise TransportError(outcome_of(error), told(error, self._folder)) from None
        finally:
            if os.getpid() != self._process:  # the function has forked, and one that goes on as us is enough
                os._exit(0)


def _is_cancelled() -> bool:
    """Return whether it is we who end the call, rather than something in the function that was cancelled."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return False
    return task is not None and task.cancelling() > 0


def _folder_of(function: Function) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return str(Path(code.co_filename).parent) if code else ""
