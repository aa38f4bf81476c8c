"""What the simulated provider does with each request, apart from sockets and waiting."""

from collections.abc import Mapping
from dataclasses import dataclass

from .batches import BATCHES_PATH, FILES_PATH, Answered, Asked, Batches
from .behaviour import Behaviour
from .luck import Fault, Luck
from .questions import ENDPOINTS, Chat, Question, check_context, decode
from .quota import Quota
from .refusal import NGINX_PAGE, RefusedError, bad_key, busy, fault, poisoned, unknown_model, unknown_url, wrong_method
from .replies import Usage, models_body, reply_body, reply_pieces, usage_of

MODELS_PATH = "/v1/models"

BROKEN = 0
"""In the place of a status: the connection is broken and nothing is answered."""

_STATUSES = {Fault.FAILED: 500, Fault.OVERLOADED: 503}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came."""

    method: str
    path: str
    key: str
    """The API key, empty without one."""
    body: bytes
    now: float
    """Monotonic seconds."""
    wall: float
    """Seconds since the epoch."""
    in_flight: int = 0
    """Requests of the same key that are being answered."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer, decided when its request arrives and sent `delay_s` later."""

    status: int
    """`BROKEN` where there is none."""
    body: bytes
    headers: Mapping[str, str]
    delay_s: float = 0.0
    subjects: tuple[str, ...] = ()
    """The user's message, the prompts packed into it, or the inputs; empty when the body was not or can't be read."""
    pieces: tuple[bytes, ...] = ()
    """What comes one by one instead of a body, of a streamed answer."""
    first_s: float = 0.0
    """When the first of them comes; the last comes after `delay_s`."""


class Provider:
    """A provider's mind: its behaviour, what each key has used, and its luck.

    Checked in this order: outage, URL, key, body, model, context, poison, requests in flight, limits, luck. What passes
    the limits is charged (prompt and answer, in tokens) and takes time, even when it then meets a fault; refusals, and
    429s by luck, are answered at once. `began` is the moment, in monotonic seconds, from which an outage is counted.
    """

    def __init__(self, behaviour: Behaviour, *, began: float = 0.0) -> None:
        self.began = began
        self._behaviour = behaviour
        self._luck = Luck(behaviour)
        self._quotas: dict[str, Quota] = {}
        self._requests = 0
        self.batches = Batches(self._answer_alone)

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves; new limits start with nothing used, a new seed starts its luck anew."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        old, self._behaviour = self._behaviour, behaviour
        if _limits(old) != _limits(behaviour):
            self._quotas.clear()
        if old.seed != behaviour.seed:
            self._luck = Luck(behaviour)
        self._luck.follow(behaviour)

    def decide(self, request: Incoming) -> Decision:
        """Return the answer to a request."""
        self._requests += 1
        headers = {"content-type": "application/json", "x-request-id": f"req_{self._requests:016x}"}
        try:
            self._check_door(request)
        except RefusedError as refused:
            return Decision(refused.status, refused.body(), headers)
        if request.path == MODELS_PATH:
            return Decision(200, models_body(self._behaviour), headers)
        if _is_batch(request.path):
            return self._decide_batch(request, headers)
        return self._decide_question(request, headers)

    def _check_door(self, request: Incoming) -> None:
        path, method, of = request.path, request.method, self._behaviour
        if of.is_out(request.now - self.began):
            raise fault(503)
        if path != MODELS_PATH and path not in ENDPOINTS and not _is_batch(path):
            raise unknown_url(method, path)
        if method != ("GET" if path == MODELS_PATH else "POST") and not _is_batch(path):
            raise wrong_method(method, path)
        if request.key in of.revoked or (of.keys and request.key not in of.keys):
            raise bad_key(given=bool(request.key))

    def _decide_batch(self, request: Incoming, headers: dict[str, str]) -> Decision:
        """Return the answer to what is about files and batches, which count for no limit."""
        try:
            if (request.method, request.path) == ("POST", FILES_PATH):
                return Decision(200, self.batches.upload(request.body, request.wall), headers)
            body = self.batches.reply(
                request.method, request.path, request.body, of=self._behaviour, now=request.now, wall=request.wall
            )
            return Decision(200, body, headers)
        except RefusedError as refused:
            return Decision(refused.status, refused.body(), headers)

    def _answer_alone(self, line: Asked) -> Answered:
        """Return what one question of a batch gets."""
        try:
            if line.url not in ENDPOINTS:
                raise unknown_url(line.method, line.url)
            question = decode(line.url, bytes(line.body))
            self._check_question(question)
        except RefusedError as refused:
            return Answered(refused.status, refused.body())
        luck = self._luck.fault()
        if luck in {Fault.DROPPED, Fault.LIMITED, Fault.MALFORMED}:
            luck = Fault.FAILED
        usage = usage_of(question, seed=self._behaviour.seed)
        return Answered(*self._answer(question, usage, 0.0, luck))

    def _decide_question(self, request: Incoming, headers: dict[str, str]) -> Decision:
        quota = self._quota(request.key)
        subjects: tuple[str, ...] = ()
        try:
            question = decode(request.path, request.body)
            subjects = tuple(question.subjects())
            self._check_question(question)
            if 0 < self._behaviour.parallel <= request.in_flight:
                return self._too_many(busy(), headers, subjects)
            usage = usage_of(question, seed=self._behaviour.seed)
            quota.admit(usage.prompt_tokens, usage.completion_tokens, request.now)
        except RefusedError as refused:
            told = headers | quota.headers(request.now, request.wall) | refused.headers
            if refused.status == 429:
                return self._too_many(refused, told, subjects)
            return Decision(refused.status, refused.body(), told, subjects=subjects)
        luck = self._luck.fault()
        if luck is Fault.LIMITED:
            return self._too_many(busy(), headers, subjects)
        headers |= quota.headers(request.now, request.wall)
        delay_s = self._luck.latency_s(question.weight())
        status, body = self._answer(question, usage, request.wall, luck)
        if status == 200 and isinstance(question, Chat) and question.stream:
            pieces = reply_pieces(question, usage, self._behaviour, request.wall, luck)
            headers["content-type"] = "text/event-stream; charset=utf-8"
            first_s = min(self._behaviour.first_ms / 1000, delay_s)
            return Decision(status, b"", headers, delay_s, subjects, pieces, first_s)
        return Decision(status, body, headers, delay_s, subjects)

    def _check_question(self, question: Question) -> None:
        of = self._behaviour
        if of.models and question.model not in of.models:
            raise unknown_model(question.model)
        question.check()
        check_context(question, of.context_tokens)
        if of.poison and any(of.poison in text for text in question.subjects()):
            raise poisoned()

    def _too_many(self, refused: RefusedError, headers: dict[str, str], subjects: tuple[str, ...]) -> Decision:
        """Return a 429: from the provider itself, or from a gateway before it that says nothing of limits."""
        if not self._behaviour.quiet:
            return Decision(429, refused.body(), headers, subjects=subjects)
        told = {"content-type": "text/html", "x-request-id": headers["x-request-id"]}
        return Decision(429, NGINX_PAGE, told, subjects=subjects)

    def _answer(self, question: Question, usage: Usage, wall: float, luck: Fault | None) -> tuple[int, bytes]:
        """Return the status and the body of what a question that passed every check gets."""
        if luck is Fault.DROPPED:
            return BROKEN, b""
        if luck in _STATUSES:
            return _STATUSES[luck], fault(_STATUSES[luck]).body()
        return 200, reply_body(question, usage, self._behaviour, wall, luck)

    def _quota(self, key: str) -> Quota:
        quota = self._quotas.get(key)
        if quota is None:
            quota = self._quotas[key] = Quota(self._behaviour)
        return quota


def _is_batch(path: str) -> bool:
    return path.startswith((BATCHES_PATH, FILES_PATH))


def _limits(of: Behaviour) -> tuple[float, ...]:
    """Return what the quotas of keys are made of."""
    return of.rpm, of.tpm, of.tpm_in, of.tpm_out, of.rpd, of.burst_s, of.quiet, of.retry_after_s
