"""What chat and embeddings share: one URL of an OpenAI-compatible server, its headers, and its refusals."""

from typing import Final

import msgspec

from ..answer import Answer, Usage
from ..classify import classify
from ..errors import AuthError
from ..outcome import Outcome
from ..text import safe
from ..transports import Request, Response
from .task import Call, Reply

MOST_TOKENS: Final = 1_000_000_000
"""No request has more, whatever a server says."""

BEARER: Final = "Authorization: Bearer {key}"


class UsageBlock(msgspec.Struct, gc=False):
    """The `usage` of a response; servers leave out what they don't count."""

    prompt_tokens: float | None = None
    completion_tokens: float | None = None

    def counted(self) -> Usage:
        """Return it as whole tokens, within what one request can have."""
        return Usage(_tokens(self.prompt_tokens), _tokens(self.completion_tokens))


def _tokens(number: float | None) -> int:
    return int(min(number, MOST_TOKENS)) if number and number > 0 else 0


class Endpoint:
    """One URL and the key that opens it."""

    def __init__(self, base_url: str, path: str, api_key: str | None, key_header: str = BEARER) -> None:
        key = (api_key or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise AuthError("the API key holds characters that no HTTP header can carry: set it again")
        self.url = f"{base_url.rstrip('/')}{path}"
        self._secrets = (key,) if key else ()
        self.headers = {"Content-Type": "application/json"}
        if key:
            name, _, value = key_header.partition(":")
            self.headers[name] = value.strip().replace("{key}", key)

    def request(self, body: object) -> Request:
        """Return the request with `body` as JSON."""
        return Request(self.url, msgspec.json.encode(body), self.headers)

    def refused(self, call: Call, response: Response) -> Reply:
        """Return what a response means that is no answer."""
        outcome, message = classify(response.status, response.headers, response.body, self._secrets)
        if outcome is Outcome.OK:
            outcome, message = Outcome.SHORT_REPLY, f"HTTP {response.status} without an answer in it"
        return self.failed(call, outcome, message)

    def hidden(self, message: str) -> str:
        """Return a message fit to be shown, without the key."""
        return safe(message, self._secrets)

    def failed(self, call: Call, outcome: Outcome, message: str, usage: Usage | None = None) -> Reply:
        """Return a reply in which no item of the call got an answer."""
        message = self.hidden(message)
        return Reply(outcome, (Answer(outcome, message=message),) * len(call.items), usage or Usage(), message)
