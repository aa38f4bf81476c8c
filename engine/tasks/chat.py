"""Chat: one completion an item, or one for several that are packed into one request."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from ..item import Item
from ..job import ChatSpec
from ..outcome import Answer, Outcome, Usage
from ..transport import Response
from .endpoint import Endpoint, UsageBlock
from .packed import ENVELOPE_TOKENS, INSTRUCTION, Form, form_of, question, unpack
from .task import Call, Plan, Reply
from .template import compile_template, render_each
from .tokens import sizer

USUAL_ANSWER_TOKENS: Final = 512
"""Reserved for an answer whose length the job does not limit."""

MESSAGE_TOKENS: Final = 4
"""What a message takes around its text, and the beginning of the answer too."""

_LENGTH_KEYS = ("max_completion_tokens", "max_tokens")


class _Texts(NamedTuple):
    """What is said for one item."""

    system: str | None
    prompt: str


_Fit: TypeAlias = Sequence[tuple[Item, _Texts]]


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
        self._system = compile_template(spec.system) if spec.system else None
        self._prompt = compile_template(spec.prompt)
        own = {"temperature": spec.temperature, "max_tokens": spec.max_tokens}
        self._head = {"model": spec.model}
        self._tail = {key: value for key, value in own.items() if value is not None} | spec.parameters
        self._form = form_of(self._tail.get("response_format"))
        self._cut = _CUT_SHORT.get(spec.on_length)
        self._size = sizer(spec.tokenizer)

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:
        """Return one call an item, or one for up to `per_request` items that have the same system message."""
        fit, unfit = render_each(items, self._texts)
        return Plan(tuple(map(self._call, _parts(fit, per_request if self._form else 1))), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return the first choice's text as the item's answer, or as the answers of all items packed into the call."""
        if not 200 <= response.status < 300:
            return self._endpoint.refused(call, response)
        try:
            completion = _decode(response.body)
        except (ValueError, RecursionError):
            return self._endpoint.refused(call, response)
        if not completion.choices:
            return self._endpoint.refused(call, response)
        return self._read(call, completion.choices[0], (completion.usage or UsageBlock()).counted())

    def _read(self, call: Call, choice: _Choice, usage: Usage) -> Reply:
        outcome, told = _judge(choice)
        is_cut = choice.finish_reason == "length"
        if outcome is Outcome.OK and self._form and len(call.items) > 1:
            return _unpacked(unpack(told, len(call.items), self._form), usage, is_cut=is_cut)
        if is_cut and self._cut and not choice.message.refusal:  # no text at all is an answer cut short, too
            outcome, told = self._cut
        if outcome is not Outcome.OK:
            return self._endpoint.failed(call, outcome, told, usage)
        answer = Answer(Outcome.OK, msgspec.json.encode(told), finish_reason="length" if is_cut else "")
        return Reply(Outcome.OK, (answer,), usage)

    def _texts(self, item: Item) -> _Texts:
        return _Texts(self._system.render(item.fields) if self._system else None, self._prompt.render(item.fields))

    def _call(self, fit: _Fit) -> Call:
        items = tuple(item for item, _ in fit)
        system, prompt = fit[0][1]
        if len(fit) == 1 or not self._form:
            return self._asked(items, system, prompt, self._tail, _longest_answer(self._tail))
        system = f"{system}\n\n{INSTRUCTION}" if system else INSTRUCTION
        prompt = question([texts.prompt for _, texts in fit])
        tail = _packed_tail(self._tail, self._form, len(fit))
        most = len(fit) * (_longest_answer(self._tail) + ENVELOPE_TOKENS)
        return self._asked(items, system, prompt, tail, most)

    def _asked(
        self, items: tuple[Item, ...], system: str | None, prompt: str, tail: dict[str, object], tokens_out: int
    ) -> Call:
        said = [("user", prompt)] if system is None else [("system", system), ("user", prompt)]
        messages = [{"role": role, "content": text} for role, text in said]
        request = self._endpoint.request({**self._head, "messages": messages, **tail})
        tokens_in = self._size(request.body, _billed(said, tail), MESSAGE_TOKENS)
        return Call(items, request, Usage(tokens_in, tokens_out))


def _parts(fit: _Fit, size: int) -> Iterator[_Fit]:
    """Yield what goes into one request each: up to `size` items with the same system message."""
    if size == 1:
        yield from ((each,) for each in fit)
        return
    groups: dict[str | None, list[tuple[Item, _Texts]]] = {}
    for each in fit:
        groups.setdefault(each[1].system, []).append(each)
    for group in groups.values():
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _packed_tail(tail: dict[str, object], form: Form, count: int) -> dict[str, object]:
    """Return the parameters of a request for `count` items; a limit of the answer's length is one for each."""
    limits = {key: (limit + ENVELOPE_TOKENS) * count for key in _LENGTH_KEYS if isinstance(limit := tail.get(key), int)}
    return {**tail, **limits, "response_format": form.response_format}


def _billed(said: Sequence[tuple[str, str]], tail: dict[str, object]) -> Iterator[str]:
    """Yield the texts that become the prompt: tools and schemas among the parameters do too, plain numbers don't."""
    yield from (text for _, text in said)
    nested: dict[str, object] = {key: value for key, value in tail.items() if isinstance(value, dict | list)}
    yield msgspec.json.encode(nested).decode() if nested else ""


def _unpacked(answers: tuple[Answer, ...], usage: Usage, *, is_cut: bool) -> Reply:
    if any(answer.outcome is Outcome.OK for answer in answers):
        return Reply(Outcome.OK, answers, usage)
    why = "cut at the token limit: raise task.max_tokens or lower items_per_request" if is_cut else answers[0].message
    message = f"{len(answers)} items were asked in one request and none was answered: {why}"
    return Reply(Outcome.SHORT_REPLY, (Answer(Outcome.SHORT_REPLY, message=message),) * len(answers), usage, message)


_decode = msgspec.json.Decoder(_Completion).decode


def _longest_answer(body: dict[str, object]) -> int:
    lengths = [value for key in _LENGTH_KEYS if isinstance(value := body.get(key), int)]
    return lengths[0] if lengths else USUAL_ANSWER_TOKENS


_CUT_SHORT: Final[dict[str, tuple[Outcome, str]]] = {
    "retry": (
        Outcome.SHORT_REPLY,
        "the answer was cut at the token limit: raise task.max_tokens, or keep such answers with on_length = 'keep'",
    ),
    "fail": (
        Outcome.BAD_ITEM,
        "the answer was cut at the token limit, which fails it by task.on_length: raise task.max_tokens",
    ),
}
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
