"""A provider's batch API: a call is a file with a line for each item, its answer a file with a line for each. Pure.

How the file gets there and back is the transport's matter; a line that no answer came for has an error of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from ..answer import Answer, Usage
from ..classify import classify
from ..item import Item
from ..outcome import Outcome
from ..taskspec import OpenAIBatchSpec
from ..transports.transport import Request, Response
from .endpoint import Endpoint
from .task import Call, Plan, Reply, Task

ENDPOINTS: Final[dict[str, Literal["/v1/chat/completions", "/v1/embeddings"]]] = {
    "chat": "/v1/chat/completions",
    "embeddings": "/v1/embeddings",
}
MOST_LINES: Final = 50_000
MOST_BYTES: Final = 190_000_000
"""Of a file; servers take 200 MB."""

EXPIRED: Final = "batch_expired"
CANCELLED: Final = "batch_cancelled"
REFUSED: Final = "batch_refused"
"""The code of each line of a batch that the provider did not begin: the batch, not the line, is the matter."""
PUT_BACK: Final = "put_back"
"""The code of a line that nobody answered, and nobody objected to: it goes again as if nothing had been."""
MISSING: Final = "missing"
"""The code of a line that a batch, though it is over, has no answer to: it goes again, and that costs an attempt."""
NEVER_MADE: Final = "never_made"
"""The code of each line of a batch that the provider did not make when it was asked to, as far as anybody can tell."""

_OUTCOMES: Final = {
    EXPIRED: Outcome.TIMEOUT,
    CANCELLED: Outcome.OVERLOADED,
    REFUSED: Outcome.AUTH,
    PUT_BACK: Outcome.CANCELLED,
    MISSING: Outcome.SHORT_REPLY,
    NEVER_MADE: Outcome.OVERLOADED,
    "token_limit_exceeded": Outcome.RATE_LIMITED,
}


class LineError(Struct):
    """Why a line has no answer."""

    code: str | None = None
    message: str | None = None


class _Got(Struct):
    status_code: int
    body: Raw = Raw(b"null")


class Line(Struct):
    """A line of an output file, or of an error file."""

    custom_id: str
    response: _Got | None = None
    error: LineError | None = None


class BatchTask:
    """The task of type `openai_batch`: `one` is what is asked of each item, as if it were asked by itself."""

    def __init__(self, spec: OpenAIBatchSpec, api_key: str | None, one: Task) -> None:
        self._endpoint = Endpoint(spec.base_url, "/batches", api_key)
        self._path = ENDPOINTS[spec.of]
        self._one = one
        self._alone = spec.of == "chat"
        """Whether that asks each item by itself anyway."""

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:  # noqa: ARG002 (a line an item is the form)
        """Return one call for all items, or several where they are too many for one file."""
        lines: list[tuple[Call, bytes]] = []
        unfit: list[tuple[Item, Answer]] = []
        for portion in (items,) if self._alone else ((item,) for item in items):
            plan = self._one.plan(portion)
            unfit += plan.unfit
            lines += [(call, self._line(call)) for call in plan.calls]
        return Plan(tuple(map(self._call, _files(lines))), tuple(unfit))

    def read(self, call: Call, response: Response) -> Reply:
        """Return what each line of the answer says of its item."""
        if response.status != 200:
            return self._refused(call, response)
        lines = {line.custom_id: line for line in filter(None, map(_line, response.body.split(b"\n")))}
        replies = [self._read(call, item, lines.get(line_id(item))) for item in call.items]
        answers = tuple(reply.answers[0] for reply in replies)
        outcomes = {answer.outcome for answer in answers}
        same = outcomes.pop() if len(outcomes) == 1 else Outcome.OK
        return Reply(same, answers, _sum(replies), "" if same is Outcome.OK else answers[0].message)

    def _refused(self, call: Call, response: Response) -> Reply:
        """Return what a refusal of the whole file means: one that is wrong in itself, as the next would be."""
        reply = self._endpoint.refused(call, response)
        if reply.outcome in {Outcome.BAD_ITEM, Outcome.SHORT_REPLY}:
            return self._endpoint.failed(call, Outcome.AUTH, f"the batch was refused: {reply.message}")
        return reply

    def _read(self, call: Call, item: Item, line: Line | None) -> Reply:
        alone = Call((item,), call.request, Usage())
        if line is None:
            return self._endpoint.failed(
                alone, Outcome.SHORT_REPLY, "the batch came back without an answer to this item"
            )
        if line.response is not None and line.error is None:
            return self._one.read(alone, Response(line.response.status_code, {}, bytes(line.response.body)))
        error = line.error or LineError()
        outcome = _OUTCOMES.get(error.code or "")
        message = error.message or (error.code or "failed without a word").replace("_", " ")
        if outcome is None:
            outcome, _ = classify(400, {}, msgspec.json.encode({"error": error}))
        return self._endpoint.failed(alone, outcome, message)

    def _line(self, call: Call) -> bytes:
        (item,) = call.items
        body = Raw(call.request.body)
        return _encode({"custom_id": line_id(item), "method": "POST", "url": self._path, "body": body})

    def _call(self, lines: Sequence[tuple[Call, bytes]]) -> Call:
        items = tuple(call.items[0] for call, _ in lines)
        most = Usage(sum(call.most.tokens_in for call, _ in lines), sum(call.most.tokens_out for call, _ in lines))
        body = b"\n".join(line for _, line in lines)
        return Call(items, Request(self._endpoint.url, body, self._endpoint.headers), most, apart=True)


def _line(raw: bytes) -> Line | None:
    try:
        return _decode_line(raw)
    except (ValueError, RecursionError):
        return None


def line_id(item: Item) -> str:
    """Return what an item is known by at the provider: what its answer is kept under, so that any run knows it."""
    return (item.digest or item.row.to_bytes(16)).hex()


def _files(lines: Sequence[tuple[Call, bytes]]) -> Iterator[Sequence[tuple[Call, bytes]]]:
    """Yield the lines of one file each."""
    start = size = 0
    for end, (_, line) in enumerate(lines):
        if end - start == MOST_LINES or (size + len(line) > MOST_BYTES and end > start):
            yield lines[start:end]
            start, size = end, 0
        size += len(line) + 1
    if lines:
        yield lines[start:]


def _sum(replies: Sequence[Reply]) -> Usage:
    return Usage(sum(each.usage.tokens_in for each in replies), sum(each.usage.tokens_out for each in replies))


_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(Line).decode
