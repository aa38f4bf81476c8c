"""Says how long something takes, to a person."""

from typing import Final

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def spell(seconds: float) -> str:
    """Return the time in its two largest units: `3 h 12 min`; below a minute in seconds, to the millisecond."""
    whole = round(seconds)
    if whole < 60:
        return f"{round(seconds, 3):g} s"
    large = next(place for place, (size, _) in enumerate(_UNITS) if whole >= size)
    (size, unit), (part_size, part_unit) = _UNITS[large], _UNITS[large + 1]
    part = whole % size // part_size
    return f"{whole // size} {unit}{f' {part} {part_unit}' if part else ''}"
