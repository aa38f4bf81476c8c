"""The text of stored JSON as people read it. Pure."""

from typing import Final

import msgspec

_LONGEST_ESCAPE: Final = 12
"""Bytes of a character beyond the basic plane, spelled as two escapes."""


def readable(raw: bytes) -> str:
    """Return what a JSON string says, or other JSON as it is; of JSON that was cut off, as far as it goes."""
    if not raw.startswith(b'"'):
        return raw.decode(errors="ignore")
    for end in range(len(raw), max(0, len(raw) - _LONGEST_ESCAPE), -1):
        for whole in (raw[:end], raw[:end] + b'"'):
            try:
                return _decode(whole)
            except ValueError:
                continue
    return raw[1:].decode(errors="ignore")


_decode = msgspec.json.Decoder(str).decode
