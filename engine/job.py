"""What a job is: its input, its task, its output and its settings. Frozen, strict, and without any secret."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from .errors import SettingError
from .preparespec import StepSpec
from .presets import Preset, profile
from .price import price_unit, unpriced
from .settings import DIALS, Layer, from_environment, parse_assignments, resolve
from .taskspec import Filled, TaskSpec

STDIN: Final = "-"
"""The path of an input that is standard input."""

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""What a job may be named."""
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What an environment variable may be named."""

FilePath: TypeAlias = Annotated[str, Meta(min_length=1, pattern="^[^\\x00]+$")]


class InputSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the items come from."""

    path: FilePath = ""
    """A file, a folder, or a glob; `-` is standard input, whose rows go as they come. Empty beside `job`."""
    id: Filled | None = None
    """The field that identifies a row; None means the row number, or the path of a text."""
    duplicates: Literal["once", "each"] = "once"
    """Whether rows that ask the same are asked once and answered alike, or each by itself."""
    format: Literal["jsonl", "csv", "tsv", "parquet", "lines", "text", "sqlite"] | None = None
    """None goes by the ending of the name. `lines`: an item a line; `text`: an item a file."""
    query: Filled | None = None
    """What to take from an SQLite file."""
    bad_rows: Literal["stop", "reject"] = "stop"
    """Whether the first row that can't be read ends the reading, or each is set aside."""
    rejects: FilePath | None = None
    """Where rows that were set aside go; None only counts them."""
    job: Filled | None = None
    """Another job of the workspace: each of its answers becomes an item here as soon as it is there."""
    output: Literal["text", "json"] = "text"
    """Whether an answer of that job that is a text stays one, or is read where it is JSON."""

    @property
    def live(self) -> bool:
        """Whether rows come while the job runs, and nobody knows how many."""
        return self.job is not None or self.path == STDIN

    @property
    def name(self) -> str:
        """What people know it by."""
        if self.job is not None:
            return f"the answers of {self.job}"
        return "standard input" if self.path == STDIN else self.path


class OutputSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where results go as they come; None leaves them in the workspace."""

    path: FilePath | None = None
    """A file, or `-` for standard output."""
    failures: FilePath | None = None
    order: Literal["completed", "input"] = "completed"
    """Whether lines are appended as they come, or the file is written whole, in the order of the input, at the end."""
    sync: bool = False
    """Whether each commit reaches the disk before it counts, so that not even a power cut takes it back."""


class JobSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One job, as it is stored in the workspace and handed between processes."""

    name: str
    input: InputSpec
    task: TaskSpec
    output: OutputSpec = OutputSpec()
    prepare: tuple[StepSpec, ...] = ()
    """What is done with the rows of the input before they become items."""
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
    unknown = unpriced(task) if resolved.settings.cost else None
    if unknown is not None:
        raise SettingError(
            f"{resolved.origins['cost']}: cost = {resolved.settings.cost:g} can't be kept without prices:"
            f" set {unknown} in the job file ({price_unit(task)})"
        )
