"""What an HTTP response means: the code in its body first, then its status, and never a word of its message."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from .outcome import Outcome
from .text import safe

_JsonObject: TypeAlias = Mapping[str, object]

_CODES: Final[dict[str, Outcome]] = {
    **dict.fromkeys(
        (
            "insufficient_quota",
            "insufficient_balance",
            "exceeded_current_quota_error",
            "billing_error",
            "billing_not_active",
            "billing_hard_limit_reached",
            "blocked_api_access",
            "budget_exceeded",
            "arrearage",
        ),
        Outcome.QUOTA_EXHAUSTED,
    ),
    **dict.fromkeys(
        (
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "auth_error",
            "permission_error",
            "account_deactivated",
            "model_not_found",
            "modelnotfound",
            "model_not_available",
            "model_decommissioned",
            "model_terms_required",
            "deploymentnotfound",
            "operationnotsupported",
            "invalid_model",
            "expired_key",
            "failed_precondition",
        ),
        Outcome.AUTH,
    ),
    **dict.fromkeys(
        (
            "context_length_exceeded",
            "exceed_context_size_error",
            "string_above_max_length",
            "content_filter",
            "content_policy_violation",
        ),
        Outcome.BAD_ITEM,
    ),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "ratelimitreached"), Outcome.RATE_LIMITED),
    **dict.fromkeys(("overloaded_error", "engine_overloaded", "slow_down"), Outcome.OVERLOADED),
    "timeout_error": Outcome.TIMEOUT,
    "json_validate_failed": Outcome.SHORT_REPLY,  # Groq: the model, not the request, got its JSON wrong
}
"""Codes whose meaning the status does not tell, or tells wrong; in lower case."""

_STATUSES: Final[dict[int, Outcome]] = {
    401: Outcome.AUTH,
    402: Outcome.QUOTA_EXHAUSTED,
    403: Outcome.AUTH,
    404: Outcome.AUTH,
    405: Outcome.AUTH,
    407: Outcome.AUTH,
    408: Outcome.TIMEOUT,
    409: Outcome.OVERLOADED,
    425: Outcome.OVERLOADED,
    429: Outcome.RATE_LIMITED,
    498: Outcome.OVERLOADED,  # Groq: no capacity for the flex tier
    499: Outcome.OVERLOADED,
    501: Outcome.AUTH,  # llama.cpp: started without what this URL needs
    504: Outcome.TIMEOUT,
    524: Outcome.TIMEOUT,  # Cloudflare: the origin took too long
}

_HINTS: Final[dict[int, str]] = {
    404: "no such model or URL",
    405: "this URL takes no such request: check base_url",
    501: "this server can't do that: check base_url, and what the server was started with",
}

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(?:style|script).*?</(?:style|script)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_SHOWN_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a body says went wrong."""

    message: str = ""
    codes: tuple[str, ...] = ()
    """From the most specific to the least, in lower case."""
    param: str = ""
    """The part of the request that is the matter, where the server names one."""


def classify(status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str] = ()) -> tuple[Outcome, str]:
    """Return how an attempt with this response ended, and for people why; OK only for JSON without an error in it."""
    outcome, message = _classify(status, headers, body)
    return outcome, safe(message, secrets)


def _classify(status: int, headers: Mapping[str, str], body: bytes) -> tuple[Outcome, str]:
    parsed = _parse(body)
    fault = _fault(parsed)
    is_success = 200 <= status < 300
    if is_success and parsed is not None and fault is None:
        return Outcome.OK, ""
    if 300 <= status < 400:
        return Outcome.AUTH, _say(status, f"redirected to {_target(headers)}: set base_url to that")
    if fault is None:
        return _by_status(status), _say(status, _plain(body, is_success=is_success), _HINTS.get(status, ""))
    status = _told_status(status, fault)
    return _outcome(status, fault), _say(status, fault.message, _HINTS.get(status, ""))


def _outcome(status: int, fault: _Fault) -> Outcome:
    # Groq gives a request that is too large for the whole minute's quota the code of a rate limit.
    if status == 413:
        return Outcome.BAD_ITEM
    for code in fault.codes:
        if code in _CODES:
            return _CODES[code]
    return Outcome.AUTH if status in {400, 422} and fault.param == "model" else _by_status(status)


def _by_status(status: int) -> Outcome:
    if status in _STATUSES:
        return _STATUSES[status]
    return Outcome.BAD_ITEM if 400 <= status < 500 else Outcome.OVERLOADED


def _told_status(status: int, fault: _Fault) -> int:
    """Return the status in the body where a proxy answers 200 or 5xx for a server that refused."""
    if 200 <= status < 300 or status >= 500:
        told = (int(code) for code in fault.codes if code.isdecimal() and len(code) == 3)
        return next((code for code in told if 400 <= code < 600), status)
    return status


def _parse(body: bytes) -> object | None:
    """Return the JSON of a body, None where it is no whole JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def _fault(parsed: object) -> _Fault | None:
    """Return what the body of an error says, whichever provider's shape it has."""
    if isinstance(parsed, list):  # Google wraps its error in a list
        parsed = _first(cast("object", parsed))
    if not isinstance(parsed, dict):
        return None
    outer = cast("_JsonObject", parsed)
    inner = outer.get("error") or _first(outer.get("errors"))  # Cloudflare has several
    if isinstance(inner, dict):
        return _fault_in(cast("_JsonObject", inner))
    if inner or outer.get("object") == "error" or "detail" in outer or "message" in outer:
        return _fault_in(outer)
    return None


def _first(values: object) -> object:
    """Return the first of a list, None where there is none."""
    return cast("list[object]", values)[0] if isinstance(values, list) and values else None


def _fault_in(error: _JsonObject) -> _Fault:
    message = next((error[key] for key in ("message", "error", "detail", "errors") if error.get(key)), "")
    return _Fault(
        message if isinstance(message, str) else msgspec.json.encode(message).decode(),
        tuple(str(code).lower() for code in _codes(error) if isinstance(code, str | int) and code),
        str(error.get("param") or ""),
    )


def _codes(error: _JsonObject) -> Iterator[object]:
    yield from (error.get(key) for key in ("code", "type", "error_type", "status"))
    details = error.get("details")
    for detail in cast("list[object]", details) if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield cast("_JsonObject", detail).get("reason")


def _plain(body: bytes, *, is_success: bool) -> str:
    """Return what a body that is no JSON error says: a page's title, a line of text, or that it is empty or torn."""
    text = body[:_SHOWN_BYTES].decode(errors="replace")
    if not text.strip():
        return "the body is empty"
    title = _TITLE.search(text)
    shown = title[1] if title else _TAG.sub(" ", text)
    return f"the body is not JSON, or only a part of it: {shown}" if is_success else shown


def _target(headers: Mapping[str, str]) -> str:
    """Return where a redirect leads, without a name, a password or a query: they may be secret, or an item's own."""
    try:
        url = urlsplit(headers.get("location", ""))
    except ValueError:
        return "what is no URL"
    return url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl() or "nowhere"


def _say(status: int, message: str, hint: str = "") -> str:
    return ": ".join(part for part in (f"HTTP {status}", hint, message) if part)
