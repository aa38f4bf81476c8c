"""Which rows go on: by length, pattern, language or expression."""

import re
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeAlias

from ..expression import Expression, ExpressionError
from ..preparespec import FilterSpec
from ..settings import did_you_mean
from ..source.row import Record
from .step import Drop, Place, Step, StepError, text_of

Passes: TypeAlias = Callable[[str], bool]

_OF_A_TEXT = ("min_length", "max_length", "match", "not_match", "languages")


def filtered(spec: FilterSpec) -> Step:
    """Return the step; raises StepError."""
    _asked(spec)
    checks = list(_checks(spec))
    where = None if spec.where is None else _where(spec.where)

    def step(records: Iterator[Record], place: Place, drop: Drop) -> Iterator[Record]:
        for record in place.named(records, "field", [spec.field] if spec.field else []):
            text = text_of(record.fields, spec.field) if spec.field else ""
            if all(passes(text) for passes in checks) and (where is None or _holds(where, record, place)):
                yield record
            else:
                drop(record, None)

    return step


def _asked(spec: FilterSpec) -> None:
    """Raise StepError for a filter that asks nothing, or asks it of no text."""
    asked = [key for key in _OF_A_TEXT if getattr(spec, key) not in {None, ()}]
    if asked and spec.field is None:
        raise StepError("field", f"is missing: {asked[0]} is about the text of a field")
    if not asked and spec.where is None:
        raise StepError("step", f"a filter needs a test: {', '.join((*_OF_A_TEXT, 'where'))}")


def _checks(spec: FilterSpec) -> Iterator[Passes]:
    """Yield what is asked of the text, the quickest first; raises StepError."""
    if spec.min_length is not None or spec.max_length is not None:
        yield _measures(spec.min_length or 0, spec.max_length)
    if spec.match is not None:
        found = _pattern("match", spec.match).search
        yield lambda text: found(text) is not None
    if spec.not_match is not None:
        unwanted = _pattern("not_match", spec.not_match).search
        yield lambda text: unwanted(text) is None
    if spec.languages:
        yield _speaks(spec.languages)


def _measures(least: int, most: int | None) -> Passes:
    if most is None:
        return lambda text: len(text.strip()) >= least
    if most < least:
        raise StepError("max_length", f"{most:,} is less than min_length, {least:,}")
    return lambda text: least <= len(text.strip()) <= most


def _pattern(key: str, text: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise StepError(key, f"is no regular expression: {error}") from None


def _speaks(codes: tuple[str, ...]) -> Passes:
    """Return what tells whether a text is in one of some languages; its statistics are read when it is first asked."""
    try:
        library: Any = import_module("lingua")  # an extra
    except ImportError:
        raise StepError("languages", "need a library: pip install 'batchtop[languages]'") from None
    known = {str(each.iso_code_639_1.name).lower(): each for each in sorted(library.Language.all())}
    for code in codes:
        if code not in known:
            near = did_you_mean(code, known)
            raise StepError("languages", f"{code!r} is no language that can be told, by its ISO 639-1 code{near}")
    wanted = {known[code] for code in codes}
    # All of its statistics would take 900 MB; these take 60 and are as good from some words on.
    detector = library.LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
    return lambda text: detector.detect_language_of(text) in wanted


def _where(text: str) -> Expression:
    try:
        return Expression(text)
    except ExpressionError as error:
        raise StepError("where", f"{text!r}: {error}") from None


def _holds(where: Expression, record: Record, place: Place) -> bool:
    try:
        return bool(where(record.fields))
    except ExpressionError as error:
        place.fail(record, "where", str(error))
