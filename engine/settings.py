"""The live dials of a job: what each is, how it is written, and which value wins."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from .errors import SettingError

Value: TypeAlias = int | float
Kind: TypeAlias = Literal["count", "seconds", "usd"]

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
"""A comma between thousands; where it stands for a decimal point, as in `1,5`, the text is refused."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?")
_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values a running job obeys; each may change while it runs. Seconds and USD are floats."""

    batch_size: int = 10
    delay: float = 0.0
    concurrency: int = 4
    max_wait: float = 0.5
    chunk_batches: int = 0
    chunk_pause: float = 0.0
    timeout: float = 60.0
    max_attempts: int = 5
    items_per_request: int = 1
    batch_tokens: int = 0
    max_cooldown: float = 120.0
    rpm: int = 0
    tpm: int = 0
    tpm_in: int = 0
    tpm_out: int = 0
    rpd: int = 0
    cost: float = 0.0
    memory: int = 1_500


@dataclass(frozen=True, slots=True)
class Dial:
    """What one setting means, the values it takes, and how far one key press moves it."""

    key: str
    kind: Kind
    minimum: float
    maximum: float
    steps: tuple[float, ...]
    doc: str
    table: Literal["settings", "limits"] = "settings"
    unlimited: bool = False
    """Whether 0 means that there is no such limit."""

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return f"BATCHTOP_{self.key.upper()}"


_SIZES = (1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 256, 300, 500, 750, 1000, 1500, 2048, 5000, 50_000)
_COUNTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 150, 200, 300, 500, 750, 1000, 2000, 4096)
_SECONDS = (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30, 45, 60, 120, 300)
_RATES = (0, 10, 20, 30, 60, 100, 200, 300, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_TOKENS = tuple(n * 1_000 for n in (0, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000))
_BATCH_TOKENS = (0, *(n * 500 for n in (1, 2, 4, 8, 16, 32, 64, 128, 200, 400)))
_DAILY = (0, *(n * 10**power for power in range(2, 6) for n in (1, 2, 5)), 1_000_000)
_MEGABYTES = (0, 250, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 16_000, 32_000)
_USD = (0, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000)

_DAY = 86_400

DIALS: Final[dict[str, Dial]] = {
    dial.key: dial
    for dial in (
        Dial("batch_size", "count", 1, 50_000, _SIZES, "items dispatched together"),
        Dial("delay", "seconds", 0, _DAY, _SECONDS, "pause of a slot between its batches"),
        Dial("concurrency", "count", 1, 4096, _COUNTS, "batches in flight"),
        Dial("max_wait", "seconds", 0, _DAY, _SECONDS, "then a partial batch goes"),
        Dial(
            "chunk_batches", "count", 0, 1_000_000, (0, 1, 2, 5, 10, 20, 50, 100), "batches in a chunk", unlimited=True
        ),
        Dial("chunk_pause", "seconds", 0, _DAY, _SECONDS, "pause between chunks"),
        Dial("timeout", "seconds", 0.1, _DAY, _SECONDS[2:], "longest wait for one answer"),
        Dial("max_attempts", "count", 1, 100, tuple(range(1, 21)), "tries of an item before it fails"),
        Dial(
            "items_per_request", "count", 1, 200, (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 100, 200), "items in one prompt"
        ),
        Dial("batch_tokens", "count", 0, 10_000_000, _BATCH_TOKENS, "tokens of a batch, about", unlimited=True),
        Dial("max_cooldown", "seconds", 0, _DAY, _SECONDS, "a longer pause sets a key aside"),
        Dial("rpm", "count", 0, 10_000_000, _RATES, "requests a minute", "limits", unlimited=True),
        Dial("tpm", "count", 0, 10_000_000_000, _TOKENS, "tokens a minute", "limits", unlimited=True),
        Dial("tpm_in", "count", 0, 10_000_000_000, _TOKENS, "input tokens a minute", "limits", unlimited=True),
        Dial("tpm_out", "count", 0, 10_000_000_000, _TOKENS, "output tokens a minute", "limits", unlimited=True),
        Dial("rpd", "count", 0, 1_000_000_000, _DAILY, "requests a day", "limits", unlimited=True),
        Dial("cost", "usd", 0, 1_000_000, _USD, "spending that stops the job", "limits", unlimited=True),
        Dial("memory", "count", 0, 1_000_000, _MEGABYTES, "MB of the engine; then it pauses", "limits", unlimited=True),
    )
}


def dial(key: str, *, where: str = "settings") -> Dial:
    """Return the dial named `key`, or raise SettingError with the nearest name."""
    found = DIALS.get(key)
    if found is None:
        raise SettingError(f"{where}: unknown key {key!r}{did_you_mean(key, DIALS)}")
    return found


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or else the list of all."""
    names = list(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; it can be: {', '.join(names)}"


def parse(key: str, raw: object, *, where: str = "settings") -> Value:
    """Return what `raw` (a number or its text, as in `500ms`, `1_000`) means for `key`.

    Raises SettingError, which names `where`, the key and the values allowed.
    """
    chosen = dial(key, where=where)
    number = _number(chosen, raw)
    if number is None or not chosen.minimum <= number <= chosen.maximum:
        raise SettingError(f"{where}: {key} = {raw!r} is not {allowed(chosen)}")
    return int(number) if chosen.kind == "count" else float(number)


def parse_all(raw: Mapping[str, object], *, where: str) -> dict[str, Value]:
    """Return every value of `raw` parsed; raises SettingError at the first that is wrong."""
    return {key: parse(key, value, where=where) for key, value in raw.items()}


def parse_assignments(texts: Iterable[str], *, where: str = "--set") -> dict[str, Value]:
    """Return the values of `key=value` texts, as the command line takes them."""
    values: dict[str, Value] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"{where}: {text!r} is not of the form key=value")
        values[key.strip()] = parse(key.strip(), value.strip(), where=where)
    return values


def from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    """Return the settings that BATCHTOP_<KEY> variables hold."""
    return {
        each.key: parse(each.key, environment[each.env], where=f"environment variable {each.env}")
        for each in DIALS.values()
        if environment.get(each.env)
    }


def _number(chosen: Dial, raw: object) -> float | None:
    """Return `raw` as a number, or None where it can't be one of this kind."""
    if isinstance(raw, str):
        raw = _number_in(chosen, raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return None if chosen.kind == "count" and raw % 1 else raw


def _number_in(chosen: Dial, text: str) -> float | None:
    text = _THOUSANDS.sub("", text.strip().replace("_", ""))
    if chosen.unlimited and text.lower() in {"none", "off", "unlimited"}:
        return 0
    matched = _DURATION.fullmatch(text.removeprefix("$") if chosen.kind == "usd" else text)
    if matched is None or (matched[2] and chosen.kind != "seconds"):
        return None
    return float(matched[1]) * _SECONDS_PER_UNIT[matched[2] or "s"]


def allowed(chosen: Dial) -> str:
    """Return in words which values a dial takes."""
    span = f"from {chosen.minimum:g} to {chosen.maximum:,.12g}"
    zero = " (0: no limit)" if chosen.unlimited else ""
    match chosen.kind:
        case "count":
            return f"a whole number {span}{zero}"
        case "seconds":
            return f"seconds {span}, or a text such as '500ms'"
        case "usd":
            return f"an amount in USD {span}{zero}"


def show(key: str, value: Value) -> str:
    """Return a value as people read it, with its unit: `1.5 s`, `50 ms`, `1,000`, `no limit`."""
    chosen = DIALS[key]
    if chosen.unlimited and value == 0:
        return "no limit"
    match chosen.kind:
        case "count":
            return f"{value:,}"
        case "seconds":
            return f"{value * 1000:g} ms" if 0 < value < 0.1 else f"{value:g} s"
        case "usd":
            return f"${value:,.2f}"


def stepped(key: str, value: Value, direction: Literal[-1, 1]) -> Value:
    """Return the next value one key press up or down from `value`, never outside the dial's range."""
    chosen = DIALS[key]
    if direction > 0:
        following = next((step for step in chosen.steps if step > value), max(value, chosen.steps[-1]))
    else:
        following = next((step for step in reversed(chosen.steps) if step < value), min(value, chosen.steps[0]))
    return parse(key, following)


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place; `origin` says which, as shown beside each dial (`preset aggressive`)."""

    origin: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings and, for each key, the place its value comes from."""

    settings: Settings
    origins: Mapping[str, str]


def resolve(layers: Iterable[Layer]) -> Resolved:
    """Lay values over the defaults, later layers over earlier ones."""
    settings = Settings()
    origins = dict.fromkeys(DIALS, "default")
    for layer in layers:
        settings = replace(settings, **dict(layer.values))
        origins.update(dict.fromkeys(layer.values, layer.origin))
    return Resolved(settings, origins)
