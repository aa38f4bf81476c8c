"""Texts: each line an item, or each file."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from . import lines
from .faults import NOT_TEXT, Faults
from .lines import BOM, lines_of, too_long
from .packed import Opened
from .row import RawRow

_encode = msgspec.json.encode


def read_lines(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield each line as the field `text`, without its end; blank lines are skipped."""
    for line, raw in lines_of(opened, faults):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            faults.bad(line, NOT_TEXT, raw)
            continue
        if text.strip():
            fields = {"text": text.rstrip("\r\n")}
            yield line, fields, _encode(fields)


def read_text(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield the whole file as one row, with `path`, `name` and `text`; a blank one is skipped."""
    raw = opened.file.read(lines.LONGEST + 1)
    if len(raw) > lines.LONGEST:
        faults.bad(0, too_long(), raw)
        return
    try:
        opened.name.encode()
        text = raw.removeprefix(BOM).decode()
    except UnicodeEncodeError:
        faults.bad(0, "has a name that is not UTF-8 text", raw)
    except UnicodeDecodeError:
        faults.bad(0, NOT_TEXT, raw)
    else:
        if text.strip():
            fields = {"path": opened.name, "name": PurePosixPath(opened.name).name, "text": text}
            yield 0, fields, _encode(fields)
