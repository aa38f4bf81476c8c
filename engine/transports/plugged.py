"""Another package's transport, kept from harming a job."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import BatchtopError, TaskError
from ..outcome import Outcome
from ..plugins import told
from ..text import safe
from .transport import Request, Response, Transport, TransportError

if TYPE_CHECKING:
    from ..plugins import Plugin


def open_plugged(kind: str, plugin: "Plugin") -> Transport | None:
    """Return where a plug-in's calls go, None for HTTP; raises TaskError."""
    try:
        worker = plugin.worker()
    except BatchtopError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"task.type: {kind!r} can't be used: {told(error)}") from error
    return None if worker is None else PluggedTransport(kind, worker)


class PluggedTransport:
    """Sends by a plug-in's transport; what it raises that it should not fails the call, and it keeps to the time."""

    def __init__(self, kind: str, worker: Transport) -> None:
        self._kind = kind
        self._worker = worker

    @property
    def connections(self) -> int:
        """Those that the plug-in says it has."""
        with suppress(Exception):
            return int(self._worker.connections)
        return 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Return the plug-in's response; raises TransportError and nothing else."""
        try:
            async with asyncio.timeout(timeout_s):
                return _sound(await self._worker.send(request, timeout_s=timeout_s))
        except TransportError as error:
            raise TransportError(_known(error.outcome), safe(str(error))) from error
        except TimeoutError:
            raise TransportError(Outcome.TIMEOUT, f"{self._kind}: took longer than {timeout_s:g} s") from None
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():  # it is we who end the call
                raise
            raise TransportError(Outcome.BAD_ITEM, f"{self._kind}: {told(error)}") from error

    async def aclose(self) -> None:
        """Close what the plug-in has open."""
        with suppress(Exception):
            await self._worker.aclose()


def _known(outcome: object) -> Outcome:
    return outcome if isinstance(outcome, Outcome) else Outcome.BAD_ITEM


def _sound(response: object) -> Response:
    if isinstance(response, Response):
        return response
    raise TypeError(f"its transport gave {type(response).__name__} for a Response")
