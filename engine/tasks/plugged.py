"""Another package's task, kept from harming a job: what it does wrong becomes the failure of the items it was about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from ..answer import Answer, Usage
from ..errors import BatchtopError, TaskError
from ..item import Item
from ..outcome import Outcome
from ..plugins import told
from ..text import plural, safe
from ..transports.transport import Response
from .task import Call, Plan, Reply

if TYPE_CHECKING:
    from ..plugins import Plugin


class PluggedTask:
    """Asks a plug-in's task, and looks at what it says before it is believed."""

    def __init__(self, kind: str, plugin: "Plugin", api_key: str | None) -> None:
        self._kind = kind
        self._secrets = (api_key,) if api_key else ()
        try:
            self._task = plugin.task(api_key)
        except BatchtopError:
            raise
        except Exception as error:
            raise TaskError(safe(f"task.type: {kind!r} can't be used: {told(error)}", self._secrets)) from error

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:
        """Return the plug-in's calls; items that it stumbles over are unfit."""
        try:
            return _whole(self._task.plan(items, per_request), items)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever another package's code raises)
            if len(items) == 1:
                return Plan((), ((items[0], Answer(Outcome.BAD_ITEM, message=self._told(error))),))
        plans = [self.plan((item,), per_request) for item in items]
        return Plan(
            tuple(call for plan in plans for call in plan.calls), tuple(unfit for plan in plans for unfit in plan.unfit)
        )

    def read(self, call: Call, response: Response) -> Reply:
        """Return what the plug-in says of each item; those of a call that it stumbles over go again in smaller ones."""
        try:
            return self._hidden(_sound(self._task.read(call, response), call))
        except (Exception, SystemExit) as error:  # noqa: BLE001
            message = self._told(error)
            answer = Answer(Outcome.BAD_ITEM, message=message)
            return Reply(Outcome.BAD_ITEM, (answer,) * len(call.items), message=message)

    def _hidden(self, reply: Reply) -> Reply:
        """Return a reply without the key in what it says."""
        answers = tuple(
            msgspec.structs.replace(each, message=safe(each.message, self._secrets)) if each.message else each
            for each in reply.answers
        )
        return msgspec.structs.replace(reply, answers=answers, message=safe(reply.message, self._secrets))

    def _told(self, error: BaseException) -> str:
        return safe(f"{self._kind}: {told(error)}", self._secrets)


def _whole(plan: Plan, items: Sequence[Item]) -> Plan:
    """Return a plan with each item in it once; raises ValueError for another one."""
    planned = [item.row for call in plan.calls for item in call.items] + [item.row for item, _ in plan.unfit]
    if sorted(planned) != sorted(item.row for item in items):
        raise ValueError(f"{plural(len(items), 'item')} given, {len(planned)} planned, and each has to be once")
    return plan


def _sound(reply: Reply, call: Call) -> Reply:
    """Return a reply with an answer of JSON for each item; raises ValueError for another one."""
    held: list[object] = [each.outcome for each in (reply, *reply.answers)]
    if not all(isinstance(each, Outcome) for each in held) or not isinstance(cast("object", reply.usage), Usage):
        raise TypeError("its reply holds an outcome that is no Outcome, or a usage that is no Usage")
    if len(reply.answers) != len(call.items):
        raise ValueError(f"{plural(len(reply.answers), 'answer')} for {plural(len(call.items), 'item')}")
    return msgspec.structs.replace(reply, answers=tuple(map(_on_one_line, reply.answers)))


def _on_one_line(answer: Answer) -> Answer:
    """Return an answer whose output is JSON without line breaks; raises ValueError where it is none."""
    if answer.outcome is not Outcome.OK:
        return answer
    msgspec.json.decode(answer.output)
    return msgspec.structs.replace(answer, output=msgspec.json.format(answer.output, indent=-1))
