"""What a job is: its input, its task, its output and its settings. Frozen, strict, and without any secret."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, TypeAlias

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


class OutputSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where results go as they come; None leaves them in the workspace."""

    path: FilePath | None = None
    """A file, or `-` for standard output."""
    failures: FilePath | None = None


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
    price_in: Price | None = None
    """USD per million tokens."""
    price_out: Price | None = None


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
    price_in: Price | None = None
    """USD per million tokens."""


TaskSpec: TypeAlias = ChatSpec | EmbeddingsSpec


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
    """Raise SettingError when spending is limited but what a token costs is unknown."""
    resolved = resolve(layers)
    if resolved.settings.cost and not is_priced(task):
        wanted = "task.price_in and task.price_out" if isinstance(task, ChatSpec) else "task.price_in"
        raise SettingError(
            f"{resolved.origins['cost']}: cost = {resolved.settings.cost:g} can't be kept without prices:"
            f" set {wanted} in the job file (USD per million tokens)"
        )


def is_priced(task: TaskSpec) -> bool:
    """Return whether the price of every token of this task is known."""
    return task.price_in is not None and (isinstance(task, EmbeddingsSpec) or task.price_out is not None)


def cost_usd(task: TaskSpec, usage: Usage) -> float | None:
    """Return what `usage` costs, or None where the prices are unknown."""
    if not is_priced(task):
        return None
    price_out = task.price_out if isinstance(task, ChatSpec) else None
    return (usage.tokens_in * (task.price_in or 0) + usage.tokens_out * (price_out or 0)) / 1e6


_NO_PART_OF_THE_ANSWER = ("api_key_env", "price_in", "price_out")


def fingerprint(job: JobSpec) -> str:
    """Return a hash of all that makes an answer besides the item: endpoint, model, prompt and parameters.

    Values left at their default are no part of it, so a later version with more parameters keeps it.
    """
    facts = msgspec.to_builtins(job.task)
    for name in _NO_PART_OF_THE_ANSWER:
        facts.pop(name, None)
    return hashlib.blake2b(msgspec.json.encode(facts, order="sorted"), digest_size=16).hexdigest()
