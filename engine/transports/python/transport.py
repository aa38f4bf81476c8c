"""Calls a user's function where its task says that it is to run."""

import os
from typing import Final

from ...outcome import Outcome
from ...taskspec import PythonSpec
from ..transport import Request, Response, TransportError
from .call import Caller
from .coroutines import Coroutines
from .function import find_function, mode_of
from .processes import Processes
from .threads import Threads


class PythonTransport:
    """A Transport to one function. It waits for a place first, and only then does the time of a call begin."""

    def __init__(self, spec: PythonSpec) -> None:
        self._place: Final = _place(spec)

    @property
    def connections(self) -> int:
        """None are its own."""
        return 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Return the results of the items in the request; raises TransportError for a call that failed as one."""
        try:
            body = await self._place.run(request.body, timeout_s)
        except TimeoutError:
            raise TransportError(Outcome.TIMEOUT, f"the function took longer than {timeout_s:g} s") from None
        return Response(200, {}, body)

    async def aclose(self) -> None:
        """Let workers and threads go; what blocks a thread can't be stopped, and its result is dropped."""
        await self._place.aclose()


def _place(spec: PythonSpec) -> Processes | Threads | Coroutines:
    if spec.mode == "process":
        return Processes(spec, spec.workers or _cores())
    function = find_function(spec)
    caller = Caller(function, spec.takes)
    return Coroutines(caller.call_async) if mode_of(spec, function) == "async" else Threads(caller.call)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
