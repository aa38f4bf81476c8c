"""What the simulated provider does with each request, apart from sockets and waiting."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from .behaviour import Behaviour, draw_fault, draw_latency_s
from .questions import ENDPOINTS, Question, check_context, decode
from .quota import Quota
from .refusal import RefusedError, bad_key, fault, unknown_model, unknown_url, wrong_method
from .replies import models_body, reply_body, usage_of

MODELS_PATH = "/v1/models"


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


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer, decided when its request arrives and sent `delay_s` later."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    delay_s: float = 0.0
    subjects: tuple[str, ...] = ()
    """The user's message, or the inputs; empty when the body could not be read."""


class Provider:
    """A provider's mind: its behaviour, what each key has used, and its luck.

    Checked in this order: URL, key, body, model, context, limits, luck. What passes the limits is charged (prompt and
    answer, in tokens) and takes time, even when it then meets a fault; refusals are answered at once.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._draws = Random(behaviour.seed)  # noqa: S311 (luck, not secrecy)
        self._quotas: dict[str, Quota] = {}
        self._requests = 0

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves; new limits start with nothing used, a new seed starts its luck anew."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        old, self._behaviour = self._behaviour, behaviour
        if (old.rpm, old.tpm, old.burst_s) != (behaviour.rpm, behaviour.tpm, behaviour.burst_s):
            self._quotas.clear()
        if old.seed != behaviour.seed:
            self._draws.seed(behaviour.seed)

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
        return self._decide_question(request, headers)

    def _check_door(self, request: Incoming) -> None:
        path, method, keys = request.path, request.method, self._behaviour.keys
        if path != MODELS_PATH and path not in ENDPOINTS:
            raise unknown_url(method, path)
        if method != ("GET" if path == MODELS_PATH else "POST"):
            raise wrong_method(method, path)
        if keys and request.key not in keys:
            raise bad_key(given=bool(request.key))

    def _decide_question(self, request: Incoming, headers: dict[str, str]) -> Decision:
        quota = self._quota(request.key)
        subjects: tuple[str, ...] = ()
        try:
            question = decode(request.path, request.body)
            subjects = tuple(question.subjects())
            self._check_question(question)
            usage = usage_of(question, seed=self._behaviour.seed)
            quota.admit(usage.total_tokens, request.now)
        except RefusedError as refused:
            headers |= quota.headers(request.now) | refused.headers
            return Decision(refused.status, refused.body(), headers, subjects=subjects)
        headers |= quota.headers(request.now)
        failed = draw_fault(self._behaviour, self._draws)
        delay_s = draw_latency_s(self._behaviour, question.weight(), self._draws)
        if failed:
            return Decision(failed, fault(failed).body(), headers, delay_s, subjects)
        return Decision(200, reply_body(question, usage, self._behaviour, request.wall), headers, delay_s, subjects)

    def _check_question(self, question: Question) -> None:
        if self._behaviour.models and question.model not in self._behaviour.models:
            raise unknown_model(question.model)
        question.check()
        check_context(question, self._behaviour.context_tokens)

    def _quota(self, key: str) -> Quota:
        quota = self._quotas.get(key)
        if quota is None:
            quota = self._quotas[key] = Quota(self._behaviour)
        return quota
