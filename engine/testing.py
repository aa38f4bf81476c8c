"""For tests of the engine and of what embeds it: a provider without sockets, and books without a database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from .answer import Usage
from .outcome import Outcome
from .settle import Settled
from .transports import Request, Response, TransportError


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the provider got it."""

    at: float
    """The loop's time."""
    texts: tuple[str, ...]
    """What the user of a chat said last, or the inputs of an embeddings request."""
    key: str
    is_chat: bool


Script: TypeAlias = Callable[[Asked], Response | TransportError]


def answered(asked: Asked) -> Response:
    """Answer well: a chat with its own text in capitals, a text with its length as its vector."""
    if asked.is_chat:
        choice = {"message": {"content": asked.texts[0].upper()}, "finish_reason": "stop"}
        return _response(200, {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}})
    data = [{"index": index, "embedding": [len(text)]} for index, text in enumerate(asked.texts)]
    return _response(200, {"data": data, "usage": {"prompt_tokens": 10 * len(data)}})


def refused(status: int, code: str | None = None, *, retry_after_s: float | None = None) -> Response:
    """Refuse a request as an OpenAI-compatible server does."""
    headers = {} if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
    return _response(status, {"error": {"message": f"refused with {status}", "code": code}}, headers)


def dropped() -> TransportError:
    """Let the connection break before any answer came."""
    return TransportError(Outcome.CONNECTION, "fake host: the connection broke")


def _response(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status, headers or {}, msgspec.json.encode(body))


class FakeTransport:
    """Answers each request with what `answer` makes of it, `latency_s` later; while `gate` is clear, none is answered.

    `asked` has every request in order of arrival, `in_flight` counts those not yet answered.
    """

    def __init__(
        self, answer: Script = answered, *, latency_s: Callable[[Asked], float] = lambda _: 0.0, closed: bool = False
    ) -> None:
        self.answer = answer
        self.latency_s = latency_s
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.gate = asyncio.Event()
        if not closed:
            self.gate.set()

    @property
    def connections(self) -> int:
        """One for each request that is not answered yet."""
        return self.in_flight

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Answer one request as the script says, or time out."""
        asked = _asked(request)
        self.asked.append(asked)
        self.in_flight += 1
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(self.latency_s(asked))
                await self.gate.wait()
        except TimeoutError:
            raise TransportError(Outcome.TIMEOUT, f"fake host: no answer within {timeout_s:g} s") from None
        finally:
            self.in_flight -= 1
        reply = self.answer(asked)
        if isinstance(reply, TransportError):
            raise reply
        return reply

    async def aclose(self) -> None:
        """Have nothing to close."""


def _asked(request: Request) -> Asked:
    body = msgspec.json.decode(request.body)
    is_chat = "messages" in body
    texts = (body["messages"][-1]["content"],) if is_chat else tuple(body["input"])
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return Asked(asyncio.get_running_loop().time(), texts, key, is_chat)


class MemoryBooks:
    """A ledger that keeps everything, with the same price for every token."""

    def __init__(self, usd_per_token: float = 0.0) -> None:
        self.full = False
        self.settlements: list[Settled] = []
        self.requests: list[Outcome] = []
        self.spent = 0.0
        self._usd_per_token = usd_per_token

    def request(
        self,
        outcome: Outcome,
        usage: Usage,  # noqa: ARG002
        cost: float,
        latency_ms: float,  # noqa: ARG002
        first_ms: float | None = None,  # noqa: ARG002
    ) -> None:
        """Take note of one request that ended."""
        self.requests.append(outcome)
        self.spent += cost

    def settled(self, settled: Settled) -> None:
        """Keep an item that is done or failed."""
        self.settlements.append(settled)

    def of(self, usage: Usage) -> float:
        """Return the price of what was used."""
        return self.at_most(usage.tokens_in + usage.tokens_out)

    def at_most(self, tokens: int) -> float:
        """Return the price of so many tokens."""
        return tokens * self._usd_per_token
