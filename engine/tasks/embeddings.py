"""Embeddings: one vector an item, many items a request.

A reply with a vector missing is kept for none of its items: a server that drops an input may number the rest anew, and
then each item behind the dropped one has its neighbour's vector, with nothing in the reply that would tell. The call is
cut in two instead, until the input that the server drops goes by itself.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ..answer import Usage
from ..item import Item
from ..outcome import Outcome
from ..taskspec import EmbeddingsSpec
from ..text import plural
from ..transports import Response
from ..vector import Form, Sent, decode, is_whole
from .endpoint import Endpoint, UsageBlock
from .task import Call, Plan, Reply, each_for_itself
from .template import UnfitError, compile_template, render_each
from .tokens import sizer
from .vectors import vector_answer

MOST_INPUTS: Final = 2048
"""What servers take in one request."""


class _Datum(Struct):
    index: int
    embedding: Sent


class _Vectors(Struct):
    data: list[_Datum]
    usage: UsageBlock | None = None


class _Doubtful(Struct):
    index: int
    embedding: Raw


class _DoubtfulVectors(Struct):
    """An answer in which something is no vector."""

    data: list[_Doubtful]
    usage: UsageBlock | None = None


class EmbeddingsTask:
    """The task of type `embeddings`; its output is the vector, packed."""

    def __init__(self, spec: EmbeddingsSpec, api_key: str | None) -> None:
        self._endpoint = Endpoint(spec.base_url, "/embeddings", api_key)
        self._template = compile_template(spec.text)
        self._size = sizer(spec.tokenizer)
        self._head = {"model": spec.model}
        self._tail = {} if spec.dimensions is None else {"dimensions": spec.dimensions}
        self._packed = spec.encoding == "base64"
        if self._packed:
            self._tail |= {"encoding_format": "base64"}
        self._form: Form = spec.vectors

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:  # noqa: ARG002 (a batch is one request anyway)
        """Return one call for all items, or several where they are too many for one."""
        fit, unfit = render_each(items, self._text)
        calls = (self._call(fit[start : start + MOST_INPUTS]) for start in range(0, len(fit), MOST_INPUTS))
        return Plan(tuple(calls), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return each item's vector, or for none of them one when any is missing: the rest may be numbered anew."""
        if not 200 <= response.status < 300:
            return self._refused(call, response)
        try:
            reply = _read(response.body)
        except (ValueError, RecursionError):
            return self._refused(call, response)
        usage = (reply.usage or UsageBlock()).counted()
        by_index = {datum.index: datum.embedding for datum in reply.data if is_whole(datum.embedding)}
        if len(reply.data) != len(call.items) or any(index not in by_index for index in range(len(call.items))):
            return self._endpoint.failed(call, Outcome.SHORT_REPLY, _shortage(call, reply, len(by_index)), usage)
        answers = tuple(vector_answer(by_index[index], self._form) for index in range(len(call.items)))
        return each_for_itself(answers, usage)

    def _refused(self, call: Call, response: Response) -> Reply:
        """Return what a refusal means: one of base64 meets every request alike, and is no fault of these items.

        Where a text speaks of it as well, the refusal may only quote that.
        """
        reply = self._endpoint.refused(call, response)
        if not (self._packed and reply.outcome is Outcome.BAD_ITEM and "encoding_format" in reply.message):
            return reply
        if not any("encoding_format" in self._text(item) for item in call.items):
            told = f'set encoding = "float" in [task], for a server that has no base64: {reply.message}'
            return self._endpoint.failed(call, Outcome.AUTH, told)
        return reply

    def _text(self, item: Item) -> str:
        text = self._template.render(item.fields)
        if not text:
            raise UnfitError("the text is empty, and an empty text has no embedding")
        return text

    def _call(self, fit: Sequence[tuple[Item, str]]) -> Call:
        items, texts = zip(*fit, strict=True)
        request = self._endpoint.request({**self._head, "input": texts, **self._tail})
        return Call(items, request, Usage(self._size(request.body, texts, 0)))


_decode = msgspec.json.Decoder(_Vectors).decode


_decode_doubtful = msgspec.json.Decoder(_DoubtfulVectors).decode


def _read(body: bytes) -> _Vectors:
    """Return the vectors of an answer, nothing for whatever else a server may put there."""
    try:
        return _decode(body)
    except msgspec.ValidationError:
        doubtful = _decode_doubtful(body)
        return _Vectors([_Datum(each.index, _sent(each.embedding)) for each in doubtful.data], doubtful.usage)


def _sent(raw: Raw) -> Sent:
    try:
        return decode(bytes(raw))
    except (ValueError, RecursionError):
        return b""


def _shortage(call: Call, reply: _Vectors, usable: int) -> str:
    return (
        f"{plural(len(call.items), 'text')} sent, {plural(len(reply.data), 'vector')} came back,"
        f" {usable} of them complete and with an index of their own"
    )
