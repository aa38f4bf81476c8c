"""Texts: each line an item, or each file."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import msgspec

from .faults import NOT_TEXT, Faults
from .packed import Opened
from .row import RawRow

LONGEST: Final = 64 << 20
"""Bytes of a file that may become one item."""

_BOM: Final = b"\xef\xbb\xbf"

_encode = msgspec.json.encode


def read_lines(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield each line as the field `text`, without its end; blank lines are skipped."""
    for line, raw in enumerate(opened.file, 1):
        try:
            text = (raw.removeprefix(_BOM) if line == 1 else raw).decode()
        except UnicodeDecodeError:
            faults.bad(line, NOT_TEXT, raw)
            continue
        if text.strip():
            fields = {"text": text.rstrip("\r\n")}
            yield line, fields, _encode(fields)


def read_text(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield the whole file as one row, with `path`, `name` and `text`; a blank one is skipped."""
    raw = opened.file.read(LONGEST + 1)
    if len(raw) > LONGEST:
        faults.bad(0, f"is longer than {LONGEST >> 20} MB, which is too much for one item", raw)
        return
    try:
        opened.name.encode()
        text = raw.removeprefix(_BOM).decode()
    except UnicodeEncodeError:
        faults.bad(0, "has a name that is not UTF-8 text", raw)
    except UnicodeDecodeError:
        faults.bad(0, NOT_TEXT, raw)
    else:
        if text.strip():
            fields = {"path": opened.name, "name": PurePosixPath(opened.name).name, "text": text}
            yield 0, fields, _encode(fields)
