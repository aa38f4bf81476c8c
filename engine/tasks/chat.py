"""Chat: one completion an item."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from ..item import Item
from ..job import ChatSpec
from ..outcome import Answer, Outcome, Usage
from ..transport import Response
from .endpoint import BYTES_PER_TOKEN, Endpoint, UsageBlock
from .task import Call, Plan, Reply
from .template import compile_template, render_each

USUAL_ANSWER_TOKENS: Final = 512
"""Reserved for an answer whose length the job does not limit."""

_LENGTH_KEYS = ("max_completion_tokens", "max_tokens")


class _Part(Struct):
    text: str | None = None


class _Message(Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None

    def text(self) -> str | None:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(Struct):
    choices: list[_Choice]
    usage: UsageBlock | None = None


class ChatTask:
    """The task of type `chat`; its output is the answer's text."""

    def __init__(self, spec: ChatSpec, api_key: str | None) -> None:
        self._endpoint = Endpoint(spec.base_url, "/chat/completions", api_key)
        texts = [("system", spec.system), ("user", spec.prompt)]
        self._templates = [(role, compile_template(text)) for role, text in texts if text]
        own = {"temperature": spec.temperature, "max_tokens": spec.max_tokens}
        self._head = {"model": spec.model}
        self._tail = {key: value for key, value in own.items() if value is not None} | spec.parameters
        self._answer_tokens = _longest_answer(self._tail)

    def plan(self, items: Sequence[Item]) -> Plan:
        """Return one call an item."""
        fit, unfit = render_each(items, self._messages)
        return Plan(tuple(self._call(item, messages) for item, messages in fit), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return the first choice's text as the item's answer."""
        if not 200 <= response.status < 300:
            return self._endpoint.refused(call, response)
        try:
            completion = _decode(response.body)
        except (ValueError, RecursionError):
            return self._endpoint.refused(call, response)
        if not completion.choices:
            return self._endpoint.refused(call, response)
        usage = (completion.usage or UsageBlock()).counted()
        outcome, told = _judge(completion.choices[0])
        if outcome is not Outcome.OK:
            return self._endpoint.failed(call, outcome, told, usage)
        return Reply(Outcome.OK, (Answer(Outcome.OK, msgspec.json.encode(told)),), usage)

    def _messages(self, item: Item) -> list[dict[str, str]]:
        return [{"role": role, "content": template.render(item.fields)} for role, template in self._templates]

    def _call(self, item: Item, messages: list[dict[str, str]]) -> Call:
        request = self._endpoint.request({**self._head, "messages": messages, **self._tail})
        return Call((item,), request, Usage(len(request.body) // BYTES_PER_TOKEN, self._answer_tokens))


_decode = msgspec.json.Decoder(_Completion).decode


def _longest_answer(body: dict[str, object]) -> int:
    lengths = [value for key in _LENGTH_KEYS if isinstance(value := body.get(key), int)]
    return lengths[0] if lengths else USUAL_ANSWER_TOKENS


_CUT: Final[dict[str | None, tuple[Outcome, str]]] = {
    "content_filter": (Outcome.BAD_ITEM, "the server's content filter stopped the answer"),
    "error": (Outcome.OVERLOADED, "the server failed in the middle of its answer"),
}
_TEXTLESS: Final[dict[str | None, tuple[Outcome, str]]] = {
    "length": (Outcome.BAD_ITEM, "the token limit was reached before any text came: raise task.max_tokens"),
    "tool_calls": (Outcome.BAD_ITEM, "the model called a tool instead of answering"),
    "function_call": (Outcome.BAD_ITEM, "the model called a function instead of answering"),
}


def _judge(choice: _Choice) -> tuple[Outcome, str]:
    """Return OK and the text, or why there is none: another try may mend an empty answer, not a refusal."""
    text, reason = choice.message.text(), choice.finish_reason
    if choice.message.refusal:
        return Outcome.BAD_ITEM, f"the model refused: {choice.message.refusal}"
    if reason in _CUT:
        return _CUT[reason]
    if not text and reason in _TEXTLESS:
        return _TEXTLESS[reason]
    if text is None:
        return Outcome.SHORT_REPLY, f"the answer has no content (finish_reason {reason or 'unknown'})"
    return Outcome.OK, text
