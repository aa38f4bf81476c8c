"""Embeddings: one vector an item, many items a request.

A reply with a vector missing is kept for none of its items: a server that drops an input may number the rest anew, and
then each item behind the dropped one has its neighbour's vector, with nothing in the reply that would tell. The call is
cut in two instead, until the input that the server drops goes by itself.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from ..answer import Answer, Usage
from ..item import Item
from ..outcome import Outcome
from ..taskspec import EmbeddingsSpec
from ..transports import Response
from .endpoint import Endpoint, UsageBlock
from .task import Call, Plan, Reply
from .template import UnfitError, compile_template, render_each
from .tokens import sizer

MOST_INPUTS: Final = 2048
"""What servers take in one request."""


class _Datum(Struct):
    index: int
    embedding: msgspec.Raw


class _Vectors(Struct):
    data: list[_Datum]
    usage: UsageBlock | None = None


class EmbeddingsTask:
    """The task of type `embeddings`; its output is the vector, in the very digits the server sent."""

    def __init__(self, spec: EmbeddingsSpec, api_key: str | None) -> None:
        self._endpoint = Endpoint(spec.base_url, "/embeddings", api_key)
        self._template = compile_template(spec.text)
        self._size = sizer(spec.tokenizer)
        self._head = {"model": spec.model}
        self._tail = {} if spec.dimensions is None else {"dimensions": spec.dimensions}

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:  # noqa: ARG002 (a batch is one request anyway)
        """Return one call for all items, or several where they are too many for one."""
        fit, unfit = render_each(items, self._text)
        calls = (self._call(fit[start : start + MOST_INPUTS]) for start in range(0, len(fit), MOST_INPUTS))
        return Plan(tuple(calls), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return each item's vector, or for none of them one when any is missing: the rest may be numbered anew."""
        if not 200 <= response.status < 300:
            return self._endpoint.refused(call, response)
        try:
            reply = _decode(response.body)
        except (ValueError, RecursionError):
            return self._endpoint.refused(call, response)
        usage = (reply.usage or UsageBlock()).counted()
        by_index = {datum.index: vector for datum in reply.data if (vector := _vector(datum.embedding))}
        if len(reply.data) != len(call.items) or any(index not in by_index for index in range(len(call.items))):
            return self._endpoint.failed(call, Outcome.SHORT_REPLY, _shortage(call, reply, len(by_index)), usage)
        answers = tuple(Answer(Outcome.OK, by_index[index]) for index in range(len(call.items)))
        return Reply(Outcome.OK, answers, usage)

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


def _vector(raw: msgspec.Raw) -> bytes:
    """Return a list of numbers on one line, or nothing for whatever else a server may put there."""
    compact = msgspec.json.format(bytes(raw), indent=-1)
    is_flat = compact.startswith(b"[") and not compact.startswith((b"[]", b"[[", b'["', b"[{"))
    return compact if is_flat and b"null" not in compact else b""


def _shortage(call: Call, reply: _Vectors, usable: int) -> str:
    return (
        f"{len(call.items)} texts were sent, {len(reply.data)} vectors came back,"
        f" {usable} of them complete and with an index of their own"
    )
