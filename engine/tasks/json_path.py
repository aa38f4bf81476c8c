"""Where something stands in JSON: `data.items[0].name`, with quotes around a name that holds a dot. Pure."""

import re
from dataclasses import dataclass
from typing import Final, cast

_STEP: Final = re.compile(r'(?:(?:^|(?<=.)\.)(?:"([^"]+)"|([^\s."\[\]][^."\[\]]*))|\[(-?\d{1,9})\])', re.DOTALL)
_INDEX: Final = re.compile(r"-?\d{1,9}")
_MOST_NAMES: Final = 12


class LostError(Exception):
    """An answer that is not as it should be; its text says where, and what is there instead."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A way into JSON."""

    key: str
    """The dotted key of the job file that spells it."""
    text: str
    steps: tuple[tuple[str, str], ...]
    """The path up to each step, and the name or number that the step takes."""

    def find(self, value: object, root: str = "the answer") -> object:
        """Return what stands there; raises LostError, which names the path and where it broke."""
        for before, step in self.steps:
            if isinstance(value, dict) and step in value:
                value = cast("dict[str, object]", value)[step]
            elif isinstance(value, list) and _is_in(cast("list[object]", value), step):
                value = cast("list[object]", value)[int(step)]
            else:
                raise LostError(f"{self.key}: {self.text!r} not found: {before or root} {told(cast('object', value))}")
        return value


def compile_path(text: str, key: str) -> JsonPath:
    """Return the path that `text` spells, empty for all of a value; raises ValueError with where it is wrong."""
    steps: list[tuple[str, str]] = []
    end = 0
    while end < len(text):
        step = _STEP.match(text, end)
        if step is None:
            raise ValueError(
                f'{text!r} is no path, from {text[end:]!r} on: it is as in data.items[0]."a.b", without a dot in front'
            )
        steps.append((repr(text[:end]) if end else "", step[1] or step[2] or step[3]))
        end = step.end()
    return JsonPath(key, text, tuple(steps))


def told(value: object) -> str:
    """Return what a value is, in words that need a subject."""
    if isinstance(value, dict):
        names = list(cast("dict[str, object]", value))
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        return f"has {', '.join(names[:_MOST_NAMES])}{more}" if names else "is an empty table"
    if isinstance(value, list):
        return f"is a list of {len(cast('list[object]', value))}" if value else "is an empty list"
    if isinstance(value, str):
        return "is a text"
    return "is null" if value is None else "is true or false" if isinstance(value, bool) else "is a number"


def _is_in(values: list[object], step: str) -> bool:
    return _INDEX.fullmatch(step) is not None and -len(values) <= int(step) < len(values)
