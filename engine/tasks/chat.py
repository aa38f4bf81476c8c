"""Chat: one completion an item, or one for several that are packed into one request."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from ..answer import Answer, Usage
from ..item import Item
from ..outcome import Outcome
from ..taskspec import ChatSpec
from ..transports import Response
from .completion import Choice, Completion, assembled, decode, is_stream
from .endpoint import Endpoint, UsageBlock
from .image import image_urls
from .packed import ENVELOPE_TOKENS, INSTRUCTION, Form, form_of, question, unpack
from .schema import Schema, response_format
from .task import Call, Plan, Reply
from .template import compile_template, render_each
from .tokens import sizer

USUAL_ANSWER_TOKENS: Final = 512
"""Reserved for an answer whose length the job does not limit."""

MESSAGE_TOKENS: Final = 4
"""What a message takes around its text, and the beginning of the answer too."""

IMAGE_TOKENS: Final = 1_000
"""What a picture of some million pixels takes, more or less: models differ."""

_STREAMED: Final[dict[str, object]] = {"stream": True, "stream_options": {"include_usage": True}}
_CUT_BEFORE: Final = "the answer was cut at the token limit before it was whole: raise task.max_tokens"
_LENGTH_KEYS = ("max_completion_tokens", "max_tokens")


class _Texts(NamedTuple):
    """What is said for one item."""

    system: str | None
    prompt: str
    images: tuple[str, ...] = ()
    """URLs; those of files are of the scheme `file`, for the transport to fill in."""


_Fit: TypeAlias = Sequence[tuple[Item, _Texts]]


class ChatTask:
    """The task of type `chat`; its output is the answer's text, or the value that it is where it keeps a schema."""

    def __init__(self, spec: ChatSpec, api_key: str | None) -> None:
        self._endpoint = Endpoint(spec.base_url, "/chat/completions", api_key)
        self._system = compile_template(spec.system) if spec.system else None
        self._prompt = compile_template(spec.prompt)
        self._schema = Schema(spec.schema) if spec.schema is not None else None
        self._images = tuple(map(compile_template, spec.images))
        self._folder = Path(spec.path)
        own = {
            "temperature": spec.temperature,
            "max_tokens": spec.max_tokens,
            "response_format": None if spec.schema is None else response_format(spec.schema, strict=spec.strict),
        }
        self._head = {"model": spec.model} | (_STREAMED if spec.stream else {})
        self._tail = {key: value for key, value in own.items() if value is not None} | spec.parameters
        self._form = None if spec.images else form_of(self._tail.get("response_format"))
        self._longest = _longest_answer(self._tail)
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
        if is_stream(response):
            return self._streamed(call, response)
        try:
            completion = decode(response.body)
        except (ValueError, RecursionError):
            return self._endpoint.refused(call, response)
        return self._completed(call, completion) or self._endpoint.refused(call, response)

    def _streamed(self, call: Call, response: Response) -> Reply:
        completion, whole, fault = assembled(response.body)
        usage = (completion.usage or UsageBlock()).counted()
        if fault:
            reply = self._endpoint.refused(call, replace(response, body=fault))
        elif whole:
            none = "the stream came to its end without an answer in it"
            reply = self._completed(call, completion)
            reply = reply or self._endpoint.failed(call, Outcome.SHORT_REPLY, none, usage)
        else:
            torn = f"the stream broke off after {len(response.body):,} bytes, before the end of the answer"
            reply = self._endpoint.failed(call, Outcome.SHORT_REPLY, torn, usage)
        return replace(reply, first_ms=response.first_ms)

    def _completed(self, call: Call, completion: Completion) -> Reply | None:
        """Return what a completion means, None where there is no answer in it."""
        if not completion.choices:
            return None
        return self._read(call, completion.choices[0], (completion.usage or UsageBlock()).counted())

    def _read(self, call: Call, choice: Choice, usage: Usage) -> Reply:
        outcome, told = _judge(choice)
        is_cut = choice.finish_reason == "length"
        if outcome is Outcome.OK and self._form and len(call.items) > 1:
            answers = unpack(told, len(call.items), self._form)
            return _unpacked(tuple(map(self._checked, answers)), usage, is_cut=is_cut)
        if is_cut and self._cut and not choice.message.refusal:  # no text at all is an answer cut short, too
            outcome, told = self._cut
        if outcome is not Outcome.OK:
            flaw = "cut" if is_cut else "" if outcome is Outcome.OVERLOADED else "refusal"
            return _flawed(self._endpoint.failed(call, outcome, told, usage), flaw)
        answer = self._answer(told, is_cut=is_cut)
        if answer.outcome is not Outcome.OK:
            failed = self._endpoint.failed(call, answer.outcome, answer.message, usage)
            return _flawed(failed, "cut" if is_cut else "invalid")
        return Reply(Outcome.OK, (answer,), usage)

    def _answer(self, text: str, *, is_cut: bool) -> Answer:
        """Return the answer that a text is; what a schema allows even though it is cut short is kept as such."""
        finish_reason = "length" if is_cut else ""
        if self._schema is None:
            return Answer(Outcome.OK, msgspec.json.encode(text), finish_reason=finish_reason)
        answer = self._schema.read(text)
        if is_cut and answer.outcome is not Outcome.OK:
            return Answer(Outcome.SHORT_REPLY, message=f"{_CUT_BEFORE}: {answer.message}")
        return replace(answer, finish_reason=finish_reason)

    def _checked(self, answer: Answer) -> Answer:
        """Return one of several packed answers as the value that it is, where there is a schema to keep."""
        if self._schema is None or answer.outcome is not Outcome.OK:
            return answer
        checked = self._schema.read(msgspec.json.decode(answer.output, type=str))
        return replace(checked, message=self._endpoint.hidden(checked.message)) if checked.message else checked

    def _texts(self, item: Item) -> _Texts:
        system = self._system.render(item.fields) if self._system else None
        images = image_urls(self._images, item.fields, self._folder) if self._images else ()
        return _Texts(system, self._prompt.render(item.fields), images)

    def _call(self, fit: _Fit) -> Call:
        if len(fit) == 1 or not self._form:
            item, texts = fit[0]
            return self._asked((item,), texts, self._tail, self._longest)
        items, (texts, *_) = zip(*fit, strict=True)
        system = f"{texts.system}\n\n{INSTRUCTION}" if texts.system else INSTRUCTION
        packed = _Texts(system, question([each.prompt for _, each in fit]))
        most = len(fit) * (self._longest + ENVELOPE_TOKENS)
        return self._asked(items, packed, _packed_tail(self._tail, self._form, len(fit)), most)

    def _asked(self, items: tuple[Item, ...], texts: _Texts, tail: dict[str, object], tokens_out: int) -> Call:
        messages: list[object] = [{"role": "user", "content": texts.prompt}]
        if texts.system is not None:
            messages.insert(0, {"role": "system", "content": texts.system})
        body = {**self._head, "messages": messages, **tail}
        request = self._endpoint.request(body)
        tokens_in = self._size(request.body, _billed(texts, tail), MESSAGE_TOKENS)
        if texts.images:  # their bytes, where they are in the URL, say nothing of their tokens
            request = self._endpoint.request({**body, "messages": [*messages[:-1], _with_images(texts)]})
            tokens_in += IMAGE_TOKENS * len(texts.images)
        return Call(items, request, Usage(tokens_in, tokens_out))


def _with_images(texts: _Texts) -> dict[str, object]:
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in texts.images]
    return {"role": "user", "content": [{"type": "text", "text": texts.prompt}, *shown]}


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


def _billed(texts: _Texts, tail: dict[str, object]) -> Iterator[str]:
    """Yield the texts that become the prompt: tools and schemas among the parameters do too, plain numbers don't."""
    if texts.system is not None:
        yield texts.system
    yield texts.prompt
    nested: dict[str, object] = {key: value for key, value in tail.items() if isinstance(value, dict | list)}
    yield msgspec.json.encode(nested).decode() if nested else ""


def _unpacked(answers: tuple[Answer, ...], usage: Usage, *, is_cut: bool) -> Reply:
    if any(answer.outcome is Outcome.OK for answer in answers):
        return Reply(Outcome.OK, answers, usage)
    why = "cut at the token limit: raise task.max_tokens or lower items_per_request" if is_cut else answers[0].message
    message = f"{len(answers)} items were asked in one request and none was answered: {why}"
    return Reply(Outcome.SHORT_REPLY, (Answer(Outcome.SHORT_REPLY, message=message),) * len(answers), usage, message)


def _flawed(reply: Reply, flaw: str) -> Reply:
    """Return a reply without an answer that says what is wrong with what came."""
    return replace(reply, answers=tuple(replace(answer, flaw=flaw) for answer in reply.answers))


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


def _judge(choice: Choice) -> tuple[Outcome, str]:
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
