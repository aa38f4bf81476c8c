"""Numbers as people read them: grouped, rounded, and always with their unit."""

import time

from ...engine.text import clean, plural

__all__ = [
    "amount", "clock", "count", "duration", "latency", "moment", "money", "percent", "plural", "rate", "short", "took",
    "words",
]  # fmt: skip

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: float) -> str:
    """Return a whole number with its thousands grouped: `1,234`."""
    return f"{int(number):,}"


def short(number: float) -> str:
    """Return a number in at most five characters: `0.25`, `23.4`, `1.2k`, `20M`."""
    for size, prefix in _PREFIXES:
        if number >= size * 0.9995:
            return _three_digits(number / size) + prefix
    return _three_digits(number)


def amount(number: float) -> str:
    """Return a number in full while that is short: `1,391`, `312k`."""
    return count(number) if number < 100_000 else short(number)


def _three_digits(number: float) -> str:
    if number == 0:
        return "0"
    decimals = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rate(per_second: float | None) -> str:
    """Return a rate's number in three digits that keep their place, or `-` where it is unknown."""
    if per_second is None:
        return "-"
    if per_second >= 999.5:
        return count(round(per_second))
    decimals = 0 if per_second >= 99.95 else 1 if per_second >= 9.995 or per_second == 0 else 2
    return f"{per_second:.{decimals}f}"


def duration(seconds: float | None) -> str:
    """Return a span of time in its two largest units: `42 s`, `3m 05s`, `2h 07m`, `3d 04h`."""
    if seconds is None:
        return "-"
    whole = max(0, round(seconds))
    for size, unit, below, lower in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below:02d}{lower}"
    return f"{whole} s"


def latency(milliseconds: float | None) -> str:
    """Return a latency in three digits: `812 ms`, `1.94 s`, `2m 05s`, or `-` where there is none."""
    if milliseconds is None:
        return "-"
    if milliseconds < 9.995:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return duration(seconds) if seconds >= 99.95 else f"{seconds:.{1 if seconds >= 9.995 else 2}f} s"


def took(seconds: float | None) -> str:
    """Return how long something lasted, less than ten seconds in three digits: `583 ms`, `2.59 s`, `42 s`, `3m 05s`."""
    return latency(1000 * seconds) if seconds and seconds < 9.995 else duration(seconds)


def money(usd: float | None) -> str:
    """Return an amount in USD, with enough digits to see a small one grow, or `no price` where none is known."""
    if usd is None:
        return "no price"
    if 0 < usd < 0.00005:
        return "<$0.0001"
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def percent(part: float, whole: float) -> str:
    """Return a share rounded down, so that 100 % means all of it, and 0.0 % none."""
    if whole <= 0:
        return "-"
    tenths = int(part * 1000 / whole)
    if part > 0 and not tenths:
        return "<0.1 %"
    return f"{tenths // 10}.{tenths % 10} %" if tenths < 1000 else f"{tenths // 10} %"


def clock(at: float) -> str:
    """Return the local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def moment(at: float) -> str:
    """Return the local date and time of day."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def words(kind: str) -> str:
    """Return an outcome or a setting in words: `rate limited`."""
    return clean(kind.replace("_", " "))
