"""Which answers of a cheaper model are no good, so that a better one is asked. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from .answer import Answer
from .outcome import Outcome
from .tasks.json_path import LostError, compile_path
from .taskspec import Check, Flaw
from .text import clean

REFUSALS: Final = re.compile(
    r"\W*(?:i(?:['\u2019]m| am) (?:very |so |really )?(?:sorry|afraid|unable|not able)\b"
    r"|(?:i(?:['\u2019]m| am) )?(?:sorry|unfortunately),? (?:but )?(?:i|we) (?:can|am\b|['\u2019]m|won|do)"
    r"|(?:unfortunately, |sorry, )?i (?:can['\u2019]t|can ?not|won['\u2019]t|will not) "
    r"|as an ai\b)",
    re.IGNORECASE,
)
"""How models begin an answer that is none."""

_NONE: Final = object()


def objection(checks: Iterable[Flaw | Check], answer: Answer, *, last: bool) -> str:
    """Return why an answer goes on to another model, or nothing.

    `last` says of one that ended badly that no other try will mend it.
    """
    found = (_failed(check, answer, last=last) for check in checks)
    if answer.outcome is Outcome.OK:
        text, value = _read(answer.output)
        found = (_flawed(check, answer, text, value) for check in checks)
    return next(filter(None, found), "")


def _failed(check: Flaw | Check, answer: Answer, *, last: bool) -> str:
    """Return what is wrong, if it is what the check is about, with an answer that ended badly."""
    is_it = last if check == "error" else bool(answer.flaw) and check == answer.flaw
    return answer.message if is_it else ""


def _flawed(check: Flaw | Check, answer: Answer, text: str, value: object) -> str:
    match check:
        case Check():
            return _checked(check, text, value)
        case "invalid":
            return "the answer is not JSON" if value is _NONE else ""
        case "cut":
            return "the answer was cut at the token limit" if answer.finish_reason == "length" else ""
        case "refusal":
            return _refusal(text)
        case "error":
            return ""


def _refusal(text: str) -> str:
    if not text.strip():
        return "the answer is empty"
    return f"the answer reads like a refusal: {clean(text, 80)}" if REFUSALS.match(text[:200]) else ""


def _checked(check: Check, text: str, value: object) -> str:
    found = text if check.field is None else _at(value, check.field)
    named = repr(check.field) if check.field else "the answer"
    if found is _NONE:
        return f"the answer has no {named}"
    if check.matches is not None:
        return f"{named} matches {check.matches!r}" if _pattern(check.matches).search(_text(found)) else ""
    number = _number(found)
    if number is None:
        return f"{named} is no number: {clean(_text(found), 60)}"
    return f"{named} is {number:g}, below {check.below:g}" if number < (check.below or 0.0) else ""


def _at(value: object, path: str) -> object:
    try:
        return compile_path(path, "").find(value)
    except LostError:
        return _NONE


def _number(found: object) -> float | None:
    try:
        return float(found) if isinstance(found, int | float | str) and not isinstance(found, bool) else None
    except ValueError:
        return None


def _text(found: object) -> str:
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def _read(output: bytes) -> tuple[str, object]:
    """Return an answer's text and the JSON value that it is, `_NONE` where it is not JSON."""
    value: object = msgspec.json.decode(output)
    if not isinstance(value, str):
        return output.decode(), value
    try:
        return value, msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value, _NONE


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
