"""What this process itself has to say, on standard error: a line of text, or of JSON for machines."""

import json
import shutil
import sys
import time
from typing import Final, Literal, TypeAlias

from ..engine.text import clean

MOST_LETTERS: Final = 4_000

LogFormat: TypeAlias = Literal["text", "json"]


def say(message: str, log_format: LogFormat = "text", *, kind: Literal["note", "error"] = "note") -> None:
    """Write one line, whatever the message holds: paths and servers may have put an escape into it."""
    message = clean(message, MOST_LETTERS)
    line = f"batchtop: {message}"
    if log_format == "json":
        line = json.dumps({"type": kind, "time": round(time.time(), 3), "message": message})
    print(line, file=sys.stderr, flush=True)


def width(plain: int) -> int:
    """Return how wide the terminal is that standard output is, or `plain` where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else plain
