"""Which HTTP client an engine has: the lean one, or another where the environment asks for it."""

import os
from collections.abc import Mapping
from typing import Final

from ..errors import UsageError
from .aiohttp import AiohttpTransport
from .transport import Transport

VARIABLE: Final = "BATCHTOP_TRANSPORT"
"""The environment variable that says which: `fast`, the default, `aiohttp` or `http2`."""


def open_http(environment: Mapping[str, str] = os.environ) -> Transport:
    """Return an HTTP client; raises UsageError for one that there is not, or that is not installed as it has to be."""
    match environment.get(VARIABLE) or "fast":
        case "fast":
            _need_parser()
            from .fast import FastTransport  # noqa: PLC0415 (without the parser it can't be imported)

            return FastTransport()
        case "aiohttp":
            return AiohttpTransport()
        case "http2":
            _need_parser()
            return _http2()
        case other:
            raise UsageError(f"{VARIABLE}: {other!r} is none of fast, aiohttp and http2")


def _need_parser() -> None:
    try:
        import httptools  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] (only whether it can be)
    except ImportError as error:
        raise UsageError(
            f"HTTP needs httptools, which can't be imported ({error}): `pip install --force-reinstall httptools`, "
            f"or {VARIABLE}=aiohttp to do without it"
        ) from None


def _http2() -> Transport:
    try:
        from .http2 import Http2Transport  # noqa: PLC0415 (what it needs is in an extra)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "h2":
            raise
        raise UsageError(f"{VARIABLE}: http2 needs `pip install 'batchtop[http2]'`") from None
    return Http2Transport()
