"""Where else a job goes: the providers that it falls back to, and those that rules send some of its items to."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from .values import Filled, Positive, Price


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


Scalar: TypeAlias = str | int | float | bool
Flaw: TypeAlias = Literal["invalid", "refusal", "cut", "error"]
"""It is not JSON or not what the schema wants; no text or words of refusal; cut at the token limit; failed for good."""


class Check(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer must not be: a number below one, or a text that a pattern is found in."""

    field: Filled | None = None
    """The path of it in an answer that is JSON, as `confidence`; None means the whole answer."""
    below: float | None = None
    matches: Filled | None = None
    """A regular expression."""


class Rule(Fallback, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model or server that some items go to at first: those for which all that the rule asks for is so."""

    when: Filled | None = None
    """An expression over the item's fields."""
    field: Filled | None = None
    """The field that `values` and `shorter_than` are about."""
    values: tuple[Scalar, ...] = ()
    """It is one of these."""
    shorter_than: Positive | None = None
    """It has fewer characters; without a field, the prompt has."""
    escalate_when: tuple[Flaw | Check, ...] = ()
    """An answer that is so goes on: to the next rule that fits the item, or else to the task's own model."""
