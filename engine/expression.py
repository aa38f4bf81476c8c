"""Expressions over the fields of a row, as `stars >= 3 and len(text) > 20`, that reach nothing else. Pure."""

import ast
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from .settings import did_you_mean
from .text import clean

_FUNCTIONS: Final = {
    **{each.__name__: each for each in (len, abs, min, max, round, int, float, str, sum, any, all)},
    "lower": str.lower,
    "upper": str.upper,
}
_OF_THE_ROW: Final = ("get", "has")
_METHODS: Final = {str: {"lower", "upper", "strip", "startswith", "endswith", "count", "split"}}
_LONGEST: Final = 10_000
_FAILURES: Final = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, MemoryError)


class ExpressionError(Exception):
    """An expression that can't be understood, or has no value for a row; its text says why."""


class Expression:
    """One expression: names are fields, `get(name, default)` and `has(name)` are for those that a row may lack.

    Raises ExpressionError where it can't be understood.
    """

    def __init__(self, text: str) -> None:
        library: Any = import_module("simpleeval")  # slow to import for what most jobs don't have
        self._text = text
        self._tree = _parsed(text)
        self._eval: Any = library.EvalWithCompoundTypes(allowed_attrs=_METHODS)
        self._refused: tuple[type[Exception], ...] = (library.InvalidExpression, *_FAILURES)

    def __call__(self, fields: Mapping[str, object]) -> object:
        """Return its value for one row; raises ExpressionError."""
        self._eval.names = {"True": True, "False": False, "None": None, "row": fields, **fields}
        self._eval.functions = {**_FUNCTIONS, "get": fields.get, "has": fields.__contains__}
        try:
            value: object = self._eval.eval(self._text, previously_parsed=self._tree)
        except self._refused as error:
            raise ExpressionError(_told(error, fields)) from None
        if callable(value):
            raise ExpressionError("is a function that is not called, and no value")
        return value


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise ExpressionError(f"is longer than {_LONGEST:,} characters")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(str(error) or "is nested too deep") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            _check_function(node.func.id)
    return tree


def _check_function(name: str) -> None:
    known = (*_FUNCTIONS, *_OF_THE_ROW)
    if name not in known:
        raise ExpressionError(f"there is no function {name!r}{did_you_mean(name, known)}")


def _told(error: Exception, fields: Mapping[str, object]) -> str:
    """Return what is wrong, in words."""
    name = getattr(error, "name", None) or (error.args[0] if isinstance(error, KeyError) and error.args else None)
    if isinstance(name, str) and name not in fields:
        lacks = f"the row has no field {name!r} (get({name!r}, 0) is for a field that it may lack)"
        return f"{lacks}{did_you_mean(name, fields)}"
    return clean(str(error), 160) or type(error).__name__
