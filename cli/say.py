"""What this process itself has to say, on standard error: a line of text, or of JSON for machines."""

import json
import sys
import time
from typing import Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]


def say(message: str, log_format: LogFormat = "text", *, kind: Literal["note", "error"] = "note") -> None:
    """Write one line."""
    line = f"batchtop: {message}"
    if log_format == "json":
        line = json.dumps({"type": kind, "time": round(time.time(), 3), "message": message})
    print(line, file=sys.stderr, flush=True)
