"""JSON lines: one object a line."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ..text import clean
from .row import fail

_BOM: Final = b"\xef\xbb\xbf"

_decode = msgspec.json.Decoder(dict[str, object]).decode


def read_jsonl(path: Path, file: BinaryIO) -> Iterator[tuple[int, Mapping[str, object], bytes]]:
    """Yield the line number, the fields and the text of each row; blank lines are skipped."""
    for line, raw in enumerate(file, 1):
        text = raw.removeprefix(_BOM) if line == 1 else raw
        try:
            fields = _decode(text)
        except UnicodeDecodeError:
            fail(path, line, "is not UTF-8 text")
        except (msgspec.DecodeError, RecursionError) as error:
            if text.strip():
                fail(path, line, f"each line must be one JSON object: {_told(text, error)}")
        else:
            yield line, fields, text.strip()


def _told(text: bytes, error: Exception) -> str:
    shown = clean(text[:400].decode(errors="replace"), 60)
    return f"found {shown!r}" if isinstance(error, msgspec.ValidationError) else f"{error}, in {shown!r}"
