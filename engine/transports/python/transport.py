"""Calls a user's function where its task says that it is to run."""

import asyncio
import os
from functools import partial
from typing import Final

from ...outcome import Outcome
from ...taskspec import PythonSpec
from ..transport import Request, Response, TransportError
from .call import Caller
from .function import find_function, mode_of
from .processes import Processes
from .threads import Threads


class PythonTransport:
    """A Transport to one function. It waits for a place first, and only then does the time of a call begin."""

    def __init__(self, spec: PythonSpec) -> None:
        self._processes: Final = Processes(spec, spec.workers or _cores()) if spec.mode == "process" else None
        if self._processes:
            return
        function = find_function(spec)
        self._caller: Final = Caller(function, spec.takes)
        self._threads: Final = Threads() if mode_of(spec, function) == "thread" else None

    @property
    def connections(self) -> int:
        """None are its own."""
        return 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Return the results of the items in the request; raises TransportError for a call that failed as one."""
        try:
            body = await self._run(request.body, timeout_s)
        except TimeoutError:
            raise TransportError(Outcome.TIMEOUT, f"the function took longer than {timeout_s:g} s") from None
        return Response(200, {}, body)

    async def aclose(self) -> None:
        """Let workers and threads go; what runs in a thread can't be stopped, and its result is dropped."""
        if self._processes:
            await self._processes.aclose()
        elif self._threads:
            self._threads.close()

    async def _run(self, body: bytes, timeout_s: float) -> bytes:
        if self._processes:
            return await self._processes.run(body, timeout_s)
        if self._threads:
            return await self._threads.run(partial(self._caller.call, body), timeout_s)
        async with asyncio.timeout(timeout_s):
            return await self._caller.call_async(body)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
