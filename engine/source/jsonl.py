"""JSON lines: one object a line."""

from collections.abc import Iterator

import msgspec

from .faults import NOT_TEXT, Faults, excerpt
from .lines import lines_of
from .packed import Opened
from .row import RawRow

_decode = msgspec.json.Decoder(dict[str, object]).decode


def read_jsonl(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield the line number, the fields and the text of each row; blank lines are skipped."""
    for line, text in lines_of(opened, faults):
        try:
            fields = _decode(text)
        except UnicodeDecodeError:
            faults.bad(line, NOT_TEXT, text)
        except (msgspec.DecodeError, RecursionError) as error:
            if text.strip():
                faults.bad(line, f"each line must be one JSON object: {_told(text, error)}", text)
        else:
            yield line, fields, text.strip()


def _told(text: bytes, error: Exception) -> str:
    shown = excerpt(text)
    return f"found {shown!r}" if isinstance(error, msgspec.ValidationError) else f"{error}, in {shown!r}"
