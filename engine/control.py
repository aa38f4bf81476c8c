"""Does what the commands table asks: the dashboard, the command line and scripts all come through here."""

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Final, Protocol

import msgspec

from .clock import Clock
from .errors import BatchtopError, UsageError
from .job import JobSpec
from .presets import load_presets, profile
from .redo import PASSING, Redo
from .running import RunningJob
from .settings import Value, parse_all, show
from .store.commands import Answered, Command
from .store.inbox import Inbox
from .text import plural

POLL_S: Final = 0.05


class Jobs(Protocol):
    """The jobs of one engine, as far as commands are about them."""

    async def submit(self, spec: JobSpec, wishes: Collection[str] = (), redo: Redo = PASSING) -> RunningJob:
        """Start a job."""
        ...

    def job(self, name: str) -> RunningJob:
        """Return a job that runs; raises UsageError when there is none of that name."""
        ...


class _LaneWish(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    enabled: bool


class Control:
    """Looks for commands twenty times a second and answers each in its own row."""

    def __init__(self, jobs: Jobs, inbox: Inbox, clock: Clock) -> None:
        self._jobs = jobs
        self._inbox = inbox
        self._clock = clock
        self._verbs: Mapping[str, Callable[[Command], Coroutine[Any, Any, str]]] = {
            "run": self._run,
            "set": self._set,
            "undo": self._undo,
            "preset": self._preset,
            "pause": self._pause,
            "resume": self._resume,
            "drain": self._drain,
            "cancel": self._cancel,
            "retest": self._retest,
            "retry": self._retry,
            "lane": self._lane,
        }

    async def serve(self) -> None:
        """Answer commands until cancelled."""
        seen = None
        while True:
            version = await self._inbox.changed()
            if version != seen:
                seen = version
                for command in await self._inbox.new():
                    await self._inbox.answer(command, await self._do(command), self._clock.wall())
            await self._clock.sleep(POLL_S)

    async def _do(self, command: Command) -> Answered:
        try:
            verb = self._verbs.get(command.verb)
            if verb is None:
                raise UsageError(f"unknown command {command.verb!r}; it can be: {', '.join(self._verbs)}")
            return Answered(applied=True, message=await verb(command))
        except BatchtopError as error:
            return Answered(applied=False, message=str(error), exit_code=error.exit_code)
        except (msgspec.DecodeError, ValueError) as error:
            return Answered(applied=False, message=f"{command.verb}: malformed arguments ({error})", exit_code=2)

    async def _run(self, command: Command) -> str:
        spec = msgspec.convert(command.args.get("spec"), JobSpec)
        for layer in spec.layers:
            parse_all(layer.values, where=layer.origin)
        wishes = msgspec.convert(command.args.get("wishes", []), list[str])
        redo = msgspec.convert(command.args.get("redo", {}), Redo)
        await self._jobs.submit(spec, wishes, redo)
        return f"{spec.name} runs"

    async def _set(self, command: Command) -> str:
        return self._change(command, command.who)

    async def _undo(self, command: Command) -> str:
        return self._change(command, f"{command.who}, undo")

    def _change(self, command: Command, who: str) -> str:
        values = parse_all(command.args, where=command.verb)
        return _told(self._jobs.job(command.job).change(values, who=who, origin=f"live: {who}"))

    async def _preset(self, command: Command) -> str:
        label, values = profile(load_presets(), str(command.args.get("name", "")))
        changed = self._jobs.job(command.job).change(values, who=command.who, origin=f"preset {label}")
        return f"preset {label}: {_told(changed)}"

    async def _pause(self, command: Command) -> str:
        self._jobs.job(command.job).pause(f"paused by {command.who}")
        return "paused"

    async def _resume(self, command: Command) -> str:
        self._jobs.job(command.job).resume()
        return "running"

    async def _drain(self, command: Command) -> str:
        self._jobs.job(command.job).drain(f"drained by {command.who}")
        return "draining"

    async def _cancel(self, command: Command) -> str:
        await self._jobs.job(command.job).cancel(f"cancelled by {command.who}")
        return "cancelled"

    async def _retest(self, command: Command) -> str:
        return f"testing again: {self._jobs.job(command.job).retest()}"

    async def _lane(self, command: Command) -> str:
        wish = msgspec.convert(command.args, _LaneWish)
        return self._jobs.job(command.job).switch(wish.name, enabled=wish.enabled, who=command.who)

    async def _retry(self, command: Command) -> str:
        count = await self._jobs.job(command.job).retry(msgspec.convert(command.args, Redo))
        return f"trying {plural(count, 'failed item')} again" if count else "no item has failed that way"


def _told(changed: Mapping[str, tuple[Value, Value]]) -> str:
    """Return what a change of settings changed, for the person who asked for it."""
    return ", ".join(f"{key} {show(key, old)} → {show(key, new)}" for key, (old, new) in changed.items()) or "no change"
