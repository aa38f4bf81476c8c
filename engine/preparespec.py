"""What is done with the rows of an input before they become items: each step as the job file has it. Frozen, strict."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Annotated, Final, Literal, TypeAlias, cast

from msgspec import Meta, Struct
from msgspec.json import encode
from msgspec.structs import replace

from .taskspec import Filled
from .text import plural

LEAST_NEAR: Final = 0.5
_MOST: Final = 2**62
"""What every library that counts for a step can hold."""

Length: TypeAlias = Annotated[int, Meta(ge=0, le=_MOST)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=_MOST)]
_FilePath: TypeAlias = Annotated[str, Meta(min_length=1, pattern="^[^\\x00]+$")]


class _Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="step"):
    """What every step has: a name, and whether it has to see the last row before it can let the first one go."""

    @property
    def reads_all(self) -> bool:
        return False


class ChunkSpec(_Step, frozen=True, tag="chunk"):
    """Each row becomes as many as its text has pieces."""

    field: Filled
    """The text; each piece takes its place."""
    size: Count
    """The longest piece: characters, or tokens where a tokenizer is named."""
    overlap: Length = 0
    """How much of a piece the next one begins with, at most."""
    tokenizer: Filled | None = None
    """An encoding of tiktoken, as `o200k_base`; None counts characters."""
    by: Literal["text", "markdown", "paragraph"] = "text"
    """Where it is cut: at paragraphs, then sentences, then words; the same by Markdown's structure; or so that no piece
    holds more than one paragraph, and a change stays within its own."""


class FilterSpec(_Step, frozen=True, tag="filter"):
    """Rows that do not meet all that is asked here go no further."""

    field: Filled | None = None
    """The text that lengths, patterns and languages are about; a row without it has an empty one."""
    min_length: Length | None = None
    """Characters, without the spaces around; 1 drops the empty ones."""
    max_length: Length | None = None
    match: Filled | None = None
    """A regular expression that must be found."""
    not_match: Filled | None = None
    """A regular expression that must not be found."""
    languages: tuple[Filled, ...] = ()
    """ISO 639-1 codes, as `en`: the text must be in one of these languages."""
    where: Filled | None = None
    """An expression over the fields that must hold, as `stars >= 3 and len(text) > 20`."""
    dropped: _FilePath | None = None
    """A file for the rows that are dropped."""


class DuplicatesSpec(_Step, frozen=True, tag="duplicates"):
    """Of rows that say the same the first stays."""

    fields: Annotated[tuple[Filled, ...], Meta(min_length=1)]
    """What is compared, without regard to case, spaces and forms of characters."""
    near: Annotated[float, Meta(ge=LEAST_NEAR, le=1)] | None = None
    """The share of their 5-character pieces that two have in common, estimated; None wants the same text."""
    dropped: _FilePath | None = None
    """A file for the rows that are dropped, each with the id of the one that stays."""


class SampleSpec(_Step, frozen=True, tag="sample"):
    """Some of the rows, chosen by their ids, so that the same are chosen again when others come."""

    n: Count | None = None
    share: Annotated[float, Meta(gt=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-_MOST, le=_MOST)] = 0
    """Another one chooses others."""

    @property
    def reads_all(self) -> bool:
        """Whether the last row has to be seen before the first one can go."""
        return self.n is not None


class PrioritySpec(_Step, frozen=True, tag="priority"):
    """The order in which items are sent."""

    by: Filled
    """A field, or an expression, as `len(text)`; where it is null, last."""
    first: Literal["high", "low"] = "high"

    @property
    def reads_all(self) -> bool:
        """Whether the last row has to be seen before the first one can go."""
        return True


StepSpec: TypeAlias = ChunkSpec | FilterSpec | DuplicatesSpec | SampleSpec | PrioritySpec


def dropped_paths(steps: Iterable[StepSpec]) -> dict[str, str]:
    """Return each file of dropped rows, by the key that names it."""
    return {
        f"prepare[{number}].dropped": step.dropped
        for number, step in enumerate(steps)
        if isinstance(step, FilterSpec | DuplicatesSpec) and step.dropped
    }


def fingerprint_of(steps: Sequence[StepSpec]) -> str:
    """Return what tells one preparation from another, with a bar behind it; nothing for none."""
    plain = [replace(step, dropped=None) if isinstance(step, FilterSpec | DuplicatesSpec) else step for step in steps]
    return f"{blake2b(encode(plain), digest_size=8).hexdigest()}|" if steps else ""


def counts_in_words(steps: Sequence[StepSpec], rows: Sequence[int], *, quick: bool = False) -> str:
    """Return how many rows there were before and after each step; `quick` where those that need all were left out."""
    taken = ((step, after) for step, after in zip(steps, rows[1:], strict=True) if not (quick and step.reads_all))
    words = (f"{after:,} after {step_in_words(step)}" for step, after in taken)
    return ", ".join([plural(rows[0], "row"), *words])


def step_in_words(step: StepSpec) -> str:
    """Return a step in a few words."""
    match step:
        case ChunkSpec():
            return f"chunk: {step.field}, up to {step.size:,} {step.tokenizer or 'characters'}"
        case FilterSpec():
            asked = ((name, getattr(step, name)) for name in step.__struct_fields__ if name not in {"field", "dropped"})
            tests = (f"{name} {_shown(value)}" for name, value in asked if value not in {None, ()})
            return f"filter: {', '.join([*filter(None, [step.field]), *tests])}"
        case DuplicatesSpec():
            return f"duplicates: {', '.join(step.fields)}{'' if step.near is None else f', near {step.near:g}'}"
        case SampleSpec():
            return f"sample: {step.n:,}" if step.n else f"sample: {step.share:.4g}"
        case PrioritySpec():
            return f"priority: {step.by}, {step.first} first"


def _shown(value: object) -> str:
    return ", ".join(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else str(value)
