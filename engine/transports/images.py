"""Requests whose pictures are files: each is read just before it is sent, so that none waits in memory."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from ..outcome import Outcome
from ..tasks.image import FILE, media_type
from .transport import Request, Response, Transport, TransportError

MAX_IMAGE_BYTES: Final = 20_000_000
"""What servers take; base64 makes a third more of it."""


class ImageTransport:
    """Fills in the pictures of requests, on a thread, and sends them by another transport, which stays open."""

    def __init__(self, over: Transport) -> None:
        self._over = over

    @property
    def connections(self) -> int:
        """Those of the transport beneath."""
        return self._over.connections

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Send a request with its pictures in it; raises TransportError, also for a file that is none."""
        body = await asyncio.to_thread(filled, request.body)
        return await self._over.send(replace(request, body=body), timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Leave the transport beneath to whoever made it."""


def filled(body: bytes) -> bytes:
    """Return a request with the pictures in it whose paths it names; raises TransportError."""
    if FILE.encode() not in body:
        return body
    asked: dict[str, Any] = msgspec.json.decode(body)
    content = asked["messages"][-1]["content"]
    for part in cast("list[dict[str, Any]]", content) if isinstance(content, list) else ():
        if part["type"] == "image_url" and part["image_url"]["url"].startswith(FILE):
            part["image_url"]["url"] = data_url(Path(part["image_url"]["url"].removeprefix(FILE)))
    return msgspec.json.encode(asked)


def data_url(path: Path) -> str:
    """Return a picture as a URL that holds it; raises TransportError, as for an item that can't be asked."""
    try:
        if path.exists() and not path.is_file():
            raise _bad(path, "is no file")
        with path.open("rb") as file:
            data = file.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _bad(path, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise _bad(path, f"is larger than {MAX_IMAGE_BYTES // 1_000_000} MB")
    kind = media_type(data)
    if kind is None:
        raise _bad(path, "is no picture that servers take: PNG, JPEG, GIF or WebP")
    return f"data:{kind};base64,{b64encode(data).decode()}"


def _bad(path: Path, why: str) -> TransportError:
    return TransportError(Outcome.BAD_ITEM, f"the picture {path} {why}")
