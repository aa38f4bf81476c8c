"""Reads the ways in which servers write how long to wait."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH_FROM = 1e9
"""A number from here on is a moment, in seconds since the epoch, and a hundred times larger one in milliseconds."""

_PART = r"(\d+(?:\.\d*)?|\.\d+)\s*(d|h|ms|us|µs|ns|m|s)"
_DURATION = re.compile(rf"(?:{_PART}\s*)+", re.ASCII)
_PARTS = re.compile(_PART, re.ASCII)
_UNIT_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def read_number(text: str) -> float | None:
    """Return a finite number that is not negative, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def read_wait(text: str, wall_now: float) -> float | None:
    """Return the seconds from `wall_now` that `text` means, 0 for a moment that is past, None for anything else.

    It may be seconds, a duration (`1m30s`, `17ms`), or a moment: epoch seconds or milliseconds, RFC 3339, HTTP date.
    """
    text = text.strip()
    number = read_number(text)
    if number is not None:
        return number if number < _EPOCH_FROM else _left(number, wall_now)
    if _DURATION.fullmatch(text.lower()):
        return sum(float(amount) * _UNIT_S[unit] for amount, unit in _PARTS.findall(text.lower()))
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - wall_now)


def _left(epoch: float, wall_now: float) -> float:
    return max(0.0, (epoch / 1000 if epoch >= _EPOCH_FROM * 100 else epoch) - wall_now)


def _moment(text: str) -> float | None:
    """Return an RFC 3339 or HTTP date as seconds since the epoch; without a zone it is UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
