"""What an exception in a user's function means, and how it is told."""

from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Final

from ...outcome import Outcome
from ...text import safe
from .again import TryAgain

_MOST: Final = 400
"""Characters of a message, so that the place after it is not cut off."""

_OUTCOMES: Final = {
    **dict.fromkeys(
        ("TimeoutError", "Timeout", "TimeoutException", "TimeoutExpired", "APITimeoutError"), Outcome.TIMEOUT
    ),
    **dict.fromkeys(
        ("ConnectionError", "ConnectError", "NetworkError", "ClientConnectionError", "APIConnectionError"),
        Outcome.CONNECTION,
    ),
}
"""By the names of classes: those of the common HTTP clients have no base in common."""


def outcome_of(error: BaseException) -> Outcome:
    """Return what an exception counts as."""
    if isinstance(error, TryAgain):
        return Outcome.OVERLOADED
    return next(
        (_OUTCOMES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _OUTCOMES), Outcome.BAD_ITEM
    )


def told(error: BaseException, folder: str = "") -> str:
    """Return an exception as one line, with the last place in `folder`, the user's own, that it came by."""
    try:
        text = safe(str(error), limit=_MOST)
    except Exception:  # noqa: BLE001 (its class is the user's own, too)
        text = ""
    name = type(error).__name__
    return f"{name}{f': {text}' if text else ''}{_place(error.__traceback__, folder)}"


def _place(trace: TracebackType | None, folder: str) -> str:
    places = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(trace)]
    near = [f" ({file.name}:{line})" for file, line in places if folder and file.is_relative_to(folder)]
    return near[-1] if near else ""
