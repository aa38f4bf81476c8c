"""One question to a job's provider, asked with the provider's own client."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import openai

from ..engine.classify import classify
from ..engine.errors import BatchtopError, StoppedError, UsageError
from ..engine.item import Item
from ..engine.job import JobSpec
from ..engine.limits import read_rate_headers
from ..engine.outcome import Outcome
from ..engine.price import cost_usd
from ..engine.settings import resolve
from ..engine.tasks import Call, Reply, build_task
from ..engine.text import safe
from ..engine.transports import Response, TransportError
from ..engine.transports.images import filled
from ..tui.words.format import count, latency, money
from .probe import answered, refuse

_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class ProviderProbe:
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
                refuse(*self._classified(error.response))
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
        yield answered(item, reply)
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
            body = filled(call.request.body)
        except TransportError as error:
            refuse(error.outcome, str(error))
        try:
            response = self._client.post(
                call.request.url,
                cast_to=httpx2.Response,
                content=body,
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


def _of_environment(error: Exception) -> UsageError:
    """Return which variable keeps a client from being made: of certificates, or of a proxy."""
    if isinstance(error, OSError):
        named = next((f"{name}={os.environ[name]}" for name in _CERTIFICATES if name in os.environ), "the certificates")
        return UsageError(f"{named}: can't be used ({error.strerror or error}); correct it, or unset it")
    named = " or ".join(name for name in sorted(os.environ) if name.lower() in _PROXIES)
    return UsageError(f"{named}: a proxy is of the form http://host:port; correct it, or unset it")
