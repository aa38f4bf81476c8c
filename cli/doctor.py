"""`batchtop doctor`: everything that can be wrong with a job, looked at before anything is spent on it."""

import os
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

import httpx2
import openai

from ..engine.classify import classify
from ..engine.errors import AuthError, BatchtopError, InputError, StoppedError, UsageError
from ..engine.item import Item
from ..engine.job import JobSpec, cost_usd, tiers
from ..engine.limits import read_rate_headers
from ..engine.outcome import REFUSED, Outcome
from ..engine.settings import resolve
from ..engine.source import open_source
from ..engine.tasks import Call, Reply, build_task
from ..engine.text import clean, safe
from ..engine.transport import Response
from ..tui.format import count, latency, money
from .preflight import Key, preflight, usable_key
from .run import job_of

READ_S: Final = 10.0
"""A long input is read for so long, and then trusted."""
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def doctor(options: Namespace) -> int:
    """Check the file, the input, the key, the model, and one real answer; the first that is wrong is raised."""
    spec = job_of(options)
    _good("job file", str(options.job_file))
    item = preflight(spec)
    _good("input", _input(spec))
    key = usable_key(spec)
    _good("key", _told(spec, key))
    for task in tiers(spec.task)[1:]:
        _good("fallback", f"{task.model} at {task.base_url} is not asked before it is needed")
    probe = Probe(spec, key and key.value)
    listed, told = probe.model()
    _told_of("model", told, mark="✓" if listed else "!")
    for line in probe.answer(item):
        _good("answer", line)
    if limits := probe.limits():
        _good("limits", limits)
    return 0


def _good(what: str, told: str) -> None:
    _told_of(what, told, mark="✓")


def _told_of(what: str, told: str, *, mark: str) -> None:
    print(f"{mark} {what:<9} {clean(told, 300)}")


def _told(spec: JobSpec, key: Key | None) -> str:
    """Return which key is used; a job uses all it has, and one question is asked with one of them."""
    if key is None:
        return "none is named, none is sent"
    others = " and ".join(name for name in spec.task.api_key_env if name != key.name)
    return f"{key.name} is set" + (f" and is the one checked, not {others}" if others else "")


def _input(spec: JobSpec) -> str:
    """Read the input through, or as much of it as can be read in a while."""
    deadline = time.monotonic() + READ_S
    rows = 0
    for rows, _ in enumerate(open_source(spec.input), 1):
        if rows % 10_000 == 0 and time.monotonic() > deadline:
            return f"{spec.input.path}: the first {count(rows)} rows are fine"
    return f"{spec.input.path}: {count(rows)} rows"


class Probe:
    """Asks a job's server what the job would ask, once, with the provider's own client. Raises BatchtopError."""

    def __init__(self, spec: JobSpec, key: str | None) -> None:
        self._spec = spec
        self._task = build_task(spec.task, key)
        self._secrets = (key,) if key else ()
        self._timeout_s = resolve(spec.layers).settings.timeout
        try:
            self._client = openai.OpenAI(
                base_url=spec.task.base_url,
                api_key=key or "none",
                organization="",
                max_retries=0,
                timeout=self._timeout_s,
            )
        except (OSError, ImportError, ValueError) as error:
            raise _of_environment(error) from None  # the text of the error may hold a proxy's password
        self._extra_headers: dict[str, Any] = {} if key else {"Authorization": openai.Omit()}
        self._headers: Mapping[str, str] = {}

    def model(self) -> tuple[bool, str]:
        """Return whether the server lists the model, and so in words; many list nothing, so only the answer decides."""
        try:
            listed = [model.id for model in self._client.models.list(extra_headers=self._extra_headers)]
        except openai.APIStatusError as error:
            if error.status_code in {401, 403}:
                self._refuse(*self._classified(error.response))
            return False, f"{self._spec.task.model}; the server lists no models (HTTP {error.status_code})"
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        except (openai.OpenAIError, ValueError, TypeError):
            return False, f"{self._spec.task.model}; the server's list of models can't be read"
        is_listed = self._spec.task.model in listed
        known = "is listed" if is_listed else f"is not among the {len(listed)} listed"
        return is_listed, f"{self._spec.task.model} {known} by {self._spec.task.base_url}"

    def answer(self, item: Item) -> Iterator[str]:
        """Send the first item just as the job would, and yield what came back."""
        (call,) = self._task.plan([item]).calls
        begun = time.perf_counter()
        reply = self._exchange(call)
        elapsed_ms = (time.perf_counter() - begun) * 1000
        if reply.outcome is not Outcome.OK:
            self._refuse(reply.outcome, reply.message)
        yield f"item {item.key}: {clean(reply.answers[0].output.decode(), 160)}"
        usage = reply.usage
        price = cost_usd(self._spec.task, usage)
        told = "" if price is None else f", {money(price)}"
        yield f"{latency(elapsed_ms)}, {count(usage.tokens_in)} tokens in, {count(usage.tokens_out)} out{told}"

    def limits(self) -> str:
        """Return the limits that the server stated with its answer, empty where it stated none."""
        said = read_rate_headers(self._headers, time.time())
        if said is None:
            return ""
        stated = (
            (said.requests, "requests a minute"),
            (said.tokens, "tokens a minute"),
            (said.tokens_in, "input tokens a minute"),
            (said.tokens_out, "output tokens a minute"),
            (said.day, "requests in a longer span"),
        )
        told = " and ".join(f"{count(each.limit)} {what}" for each, what in stated if each.limit)
        return told and f"the server allows {told}"

    def _exchange(self, call: Call) -> Reply:
        """Send the very bytes that the engine would send."""
        try:
            response = self._client.post(
                call.request.url,
                cast_to=httpx2.Response,
                content=call.request.body,
                options={"headers": {"Content-Type": "application/json", **self._extra_headers}},
            )
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        self._headers = {name.lower(): value for name, value in response.headers.items()}
        return self._task.read(call, Response(response.status_code, self._headers, response.content))

    def _classified(self, response: httpx2.Response) -> tuple[Outcome, str]:
        return classify(response.status_code, response.headers, response.content, self._secrets)

    def _unreachable(self, error: openai.APIConnectionError) -> BatchtopError:
        if isinstance(error, openai.APITimeoutError):
            return StoppedError(f"{self._spec.task.base_url} has not answered within {self._timeout_s:g} s")
        cause = safe(str(error.__cause__ or error), self._secrets)
        return StoppedError(f"{self._spec.task.base_url} can't be reached: {cause}")

    @staticmethod
    def _refuse(outcome: Outcome, message: str) -> NoReturn:
        """Raise what a bad answer means, with the exit code that a run would end with."""
        if outcome in REFUSED:
            raise AuthError(message)
        error = InputError if outcome is Outcome.BAD_ITEM else StoppedError
        raise error(f"the first item was not answered: {outcome.value.replace('_', ' ')}: {message}")


def _of_environment(error: Exception) -> UsageError:
    """Return which variable keeps a client from being made: of certificates, or of a proxy."""
    if isinstance(error, OSError):
        named = next((f"{name}={os.environ[name]}" for name in _CERTIFICATES if name in os.environ), "the certificates")
        return UsageError(f"{named}: can't be used ({error.strerror or error}); correct it, or unset it")
    named = " or ".join(name for name in sorted(os.environ) if name.lower() in _PROXIES)
    return UsageError(f"{named}: a proxy is of the form http://host:port; correct it, or unset it")
