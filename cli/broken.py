"""What a mistake in the program itself leaves: one line for the person, and the traceback in a file."""

import sys
import traceback
from pathlib import Path

from ..engine.errors import BrokenError
from ..engine.text import redact


def broken(told: str, error: Exception, workspace: Path | None) -> BrokenError:
    """Write a traceback down, and return the error that tells it: what failed, and where the traceback is."""
    return BrokenError(f"{told}; {_kept(error, workspace)}")


def brief(error: Exception) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _kept(error: Exception, workspace: Path | None) -> str:
    """Append the traceback to the workspace's log and return where it is; without one it is shown."""
    from .spawn import log_path

    lines = redact("".join(traceback.format_exception(error)))
    try:
        if workspace is None:
            raise FileNotFoundError
        log = log_path(workspace)
        with log.open("a") as file:
            file.write(lines)
    except OSError:
        sys.stderr.write(lines)
        return "the traceback is above"
    return f"the traceback is at the end of {log}"
