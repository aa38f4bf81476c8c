"""Pictures that go with a prompt: an address that the server takes, or a path for the transport to fill in. Pure."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .template import Template

FILE: Final = "file://"
"""What stands before a path in a request that is not ready to be sent."""

_REMOTE: Final = ("http://", "https://", "data:image/")
_SIGNS: Final = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))


def image_urls(templates: Iterable[Template], fields: Mapping[str, object], folder: Path) -> tuple[str, ...]:
    """Return the URLs of an item's pictures; a null is nothing, and what comes to nothing is none."""
    given = {name: "" if value is None else value for name, value in fields.items()}
    return tuple(_url(text, folder) for each in templates if (text := each.render(given)))


def _url(text: str, folder: Path) -> str:
    """Return the URL of one; what is no URL is a file's path, relative to a folder."""
    return text if text.lower().startswith(_REMOTE) else f"{FILE}{folder / text}"


def media_type(data: bytes) -> str | None:
    """Return what kind of picture the bytes of a file are, whatever its name says; None where no server takes it."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((f"image/{kind}" for sign, kind in _SIGNS if data.startswith(sign)), None)
