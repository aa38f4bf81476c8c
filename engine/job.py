"""What a job is: its input, its task, its output and its settings. Frozen, strict, and without any secret."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from .errors import SettingError
from .outcome import Usage
from .presets import Preset, profile
from .settings import DIALS, Layer, from_environment, parse_assignments, resolve

OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY_ENV: Final = "OPENAI_API_KEY"

Filled: TypeAlias = Annotated[str, Meta(min_length=1)]
FilePath: TypeAlias = Annotated[str, Meta(min_length=1, pattern="^[^\\x00]+$")]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]


class InputSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the items come from."""

    path: FilePath
    id: Filled | None = None
    """The field that identifies a row; None means the row number."""
    duplicates: Literal["once", "each"] = "once"
    """Whether rows that ask the same are asked once and answered alike, or each by itself."""


class OutputSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where results go as they come; None leaves them in the workspace."""

    path: FilePath | None = None
    """A file, or `-` for standard output."""
    failures: FilePath | None = None
    order: Literal["completed", "input"] = "completed"
    """Whether lines are appended as they come, or the file is written whole, in the order of the input, at the end."""
    sync: bool = False
    """Whether each commit reaches the disk before it counts, so that not even a power cut takes it back."""


class Fallback(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another model or server that a job goes to while the ones before it are in trouble; what is None is the task's.

    Vectors of different models can't be compared: for embeddings, name the same model elsewhere.
    """

    model: Filled | None = None
    base_url: Filled | None = None
    api_key_env: tuple[str, ...] | None = None
    """None means the task's on the task's own server, and else what a task on that server has."""
    price_in: Price | None = None
    """USD per million tokens; None means the task's price for the task's own model, and else unknown."""
    price_out: Price | None = None
    rpm: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    """Requests a minute of each of its keys; 0 means that no limit is known."""
    tpm: Annotated[int, Meta(ge=0, le=10_000_000_000)] = 0


class ChatSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="chat"):
    """One chat completion an item."""

    model: Filled
    prompt: Filled
    """A template over the item's fields."""
    base_url: Filled = OPENAI_URL
    api_key_env: tuple[str, ...] = ()
    """Names of the environment variables that hold keys; none for a server without keys."""
    system: Filled | None = None
    """A template for the message before the prompt."""
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    max_tokens: Positive | None = None
    parameters: dict[str, object] = {}
    """Merged into the body of every request, over what batchtop puts there."""
    on_length: Literal["keep", "retry", "fail"] = "keep"
    """What becomes of an answer that the token limit cut short."""
    tokenizer: Filled | None = None
    """An encoding of tiktoken that counts what is sent, as `o200k_base`; None means bytes / 4."""
    price_in: Price | None = None
    """USD per million tokens."""
    price_out: Price | None = None
    fallback: tuple[Fallback, ...] = ()
    """Where to go in trouble, in this order."""


class EmbeddingsSpec(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="embeddings"
):
    """One vector an item, many items a request."""

    model: Filled
    text: Filled
    """A template over the item's fields."""
    base_url: Filled = OPENAI_URL
    api_key_env: tuple[str, ...] = ()
    dimensions: Positive | None = None
    tokenizer: Filled | None = None
    """An encoding of tiktoken that counts what is sent, as `cl100k_base`; None means bytes / 4."""
    price_in: Price | None = None
    """USD per million tokens."""
    fallback: tuple[Fallback, ...] = ()
    """Where to go in trouble, in this order."""


TaskSpec: TypeAlias = ChatSpec | EmbeddingsSpec


def default_keys(base_url: str) -> tuple[str, ...]:
    """Return the key variables of a server that is given none: OpenAI's own has one, others are taken to need none."""
    return (OPENAI_KEY_ENV,) if base_url == OPENAI_URL else ()


def tiers(task: TaskSpec) -> tuple[TaskSpec, ...]:
    """Return the task itself, and then the whole task that each of its fallbacks stands for."""
    return (msgspec.structs.replace(task, fallback=()), *(_tier(task, each) for each in task.fallback))


def _tier(task: TaskSpec, fallback: Fallback) -> TaskSpec:
    model, base_url = fallback.model or task.model, fallback.base_url or task.base_url
    names = fallback.api_key_env
    if names is None:  # a key never goes to a server that it was not meant for
        names = task.api_key_env if base_url == task.base_url else default_keys(base_url)
    prices = {"price_in": fallback.price_in, "price_out": fallback.price_out}
    own = {name: getattr(task, name) for name in prices if name in task.__struct_fields__}
    known = {name: prices[name] if prices[name] is not None or model != task.model else own[name] for name in own}
    return msgspec.structs.replace(task, model=model, base_url=base_url, api_key_env=names, fallback=(), **known)


class JobSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One job, as it is stored in the workspace and handed between processes."""

    name: str
    input: InputSpec
    task: TaskSpec
    output: OutputSpec = OutputSpec()
    preset: str | None = None
    layers: tuple[Layer, ...] = ()
    """Values over the defaults, lowest first: the preset's and the job file's own, until `assemble` adds others."""


def assemble(
    job: JobSpec,
    *,
    presets: Mapping[str, Preset],
    preset: str | None = None,
    environment: Mapping[str, str] | None = None,
    assignments: Iterable[str] = (),
    live: Iterable[Layer] = (),
) -> tuple[Layer, ...]:
    """Return every layer in its order: preset < job file < environment < `--set` < live changes.

    `preset` replaces the job's own, whose layer may be among the job's already. Raises PresetError or SettingError.
    """
    layers = (
        *_preset_layer(presets, preset or job.preset),
        *(layer for layer in job.layers if not layer.origin.startswith("preset ")),
        *_environment_layers(environment or {}),
        *_set_layer(assignments),
        *live,
    )
    check_budget(job.task, layers)
    return layers


def _preset_layer(presets: Mapping[str, Preset], wanted: str | None) -> Iterator[Layer]:
    if wanted:
        label, values = profile(presets, wanted)
        yield Layer(f"preset {label}", values)


def _environment_layers(environment: Mapping[str, str]) -> Iterator[Layer]:
    """Yield a layer a variable, so that each value can name its own."""
    for key, value in from_environment(environment).items():
        yield Layer(DIALS[key].env, {key: value})


def _set_layer(assignments: Iterable[str]) -> Iterator[Layer]:
    if values := parse_assignments(assignments):
        yield Layer("--set", values)


def check_budget(task: TaskSpec, layers: Iterable[Layer]) -> None:
    """Raise SettingError when spending is limited but what a token costs is unknown, here or at a fallback."""
    resolved = resolve(layers)
    unknown = _unpriced(task) if resolved.settings.cost else None
    if unknown is not None:
        raise SettingError(
            f"{resolved.origins['cost']}: cost = {resolved.settings.cost:g} can't be kept without prices:"
            f" set {unknown} in the job file (USD per million tokens)"
        )


def _unpriced(task: TaskSpec) -> str | None:
    """Return the keys of the prices that the first tier without them lacks."""
    prices = ("price_in", "price_out") if isinstance(task, ChatSpec) else ("price_in",)
    for number, tier in enumerate(tiers(task)):
        if _prices(tier) is None:
            table = f"task.fallback[{number - 1}]" if number else "task"
            return " and ".join(f"{table}.{price}" for price in prices)
    return None


def is_priced(task: TaskSpec) -> bool:
    """Return whether the price of every token of this task is known, at each of its fallbacks too."""
    return _unpriced(task) is None


def cost_usd(task: TaskSpec, usage: Usage) -> float | None:
    """Return what `usage` costs with the task's own model, or None where its prices are unknown."""
    prices = _prices(task)
    return None if prices is None else (usage.tokens_in * prices[0] + usage.tokens_out * prices[1]) / 1e6


def _prices(task: TaskSpec) -> tuple[float, float] | None:
    """Return the USD of a million tokens in and out, None where one of them is unknown."""
    price_out = task.price_out if isinstance(task, ChatSpec) else 0.0
    return None if task.price_in is None or price_out is None else (task.price_in, price_out)
