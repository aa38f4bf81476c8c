"""Which HTTP client an engine has: aiohttp's, or the fast one where the environment asks for it."""

import os
from collections.abc import Mapping
from typing import Final

from ..errors import UsageError
from .aiohttp import AiohttpTransport
from .transport import Transport

VARIABLE: Final = "BATCHTOP_TRANSPORT"
"""The environment variable that says which: `aiohttp` or `fast`."""


def open_http(environment: Mapping[str, str] = os.environ) -> Transport:
    """Return an HTTP client; raises UsageError for one that there is not, or whose extra is not installed."""
    match environment.get(VARIABLE) or "aiohttp":
        case "aiohttp":
            return AiohttpTransport()
        case "fast":
            return _fast()
        case other:
            raise UsageError(f"{VARIABLE}: {other!r} is neither aiohttp nor fast")


def _fast() -> Transport:
    try:
        from .fast import FastTransport  # noqa: PLC0415 (its parser is an extra)
    except ModuleNotFoundError as error:
        if error.name != "httptools":
            raise
        raise UsageError(f"{VARIABLE}: fast needs `pip install 'batchtop[fast]'`") from None
    return FastTransport()
