"""Which HTTP client an engine has: aiohttp's, or another where the environment asks for it."""

import os
from collections.abc import Mapping
from typing import Final, Literal

from ..errors import UsageError
from .aiohttp import AiohttpTransport
from .transport import Transport

VARIABLE: Final = "BATCHTOP_TRANSPORT"
"""The environment variable that says which: `aiohttp`, `fast` or `http2`."""


def open_http(environment: Mapping[str, str] = os.environ) -> Transport:
    """Return an HTTP client; raises UsageError for one that there is not, or whose extra is not installed."""
    match environment.get(VARIABLE) or "aiohttp":
        case "aiohttp":
            return AiohttpTransport()
        case "fast" | "http2" as extra:
            return _of_extra(extra)
        case other:
            raise UsageError(f"{VARIABLE}: {other!r} is none of aiohttp, fast and http2")


def _of_extra(extra: Literal["fast", "http2"]) -> Transport:
    try:
        if extra == "fast":
            from .fast import FastTransport as Extra  # noqa: PLC0415 (what it needs is in an extra)
        else:
            from .http2 import Http2Transport as Extra  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"httptools", "h2"}:
            raise
        raise UsageError(f"{VARIABLE}: {extra} needs `pip install 'batchtop[{extra}]'`") from None
    return Extra()
