"""JSON as a template: each text in it is one, and a text that is only `{field}` becomes the field's value. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from .template import Template, absent, compile_template

Write: TypeAlias = Callable[[Mapping[str, object]], object]
"""Gives the JSON value for one item's fields; raises UnfitError, with a message for people."""


def compile_json(shape: object) -> Write:
    """Return what writes values of this shape; raises ValueError for a brace without a partner."""
    if isinstance(shape, str):
        return _text(compile_template(shape))
    if isinstance(shape, dict):
        parts = {key: compile_json(each) for key, each in cast("dict[str, object]", shape).items()}
        return lambda fields: {key: write(fields) for key, write in parts.items()}
    if isinstance(shape, list):
        entries = [compile_json(each) for each in cast("list[object]", shape)]
        return lambda fields: [write(fields) for write in entries]
    return lambda _: shape


def lone_field(template: Template) -> str | None:
    """Return the field that is all of a template, None for any other template."""
    return template.fields[0] if template.pattern == "%s" and template.fields else None


def _text(template: Template) -> Write:
    field = lone_field(template)
    if field is None:
        return template.render

    def value(fields: Mapping[str, object]) -> object:
        if field not in fields:
            raise absent(field, fields)
        return fields[field]

    return value
