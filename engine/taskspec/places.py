"""All the providers that a task may ask: its own, those that it falls back to, and those of its rules. Pure."""

from typing import NamedTuple, TypeAlias

import msgspec

from .elsewhere import Fallback
from .http import HttpSpec
from .local import CommandSpec, PythonSpec, TransformersSpec
from .plugged import PluginSpec
from .provider import ChatSpec, EmbeddingsSpec, OpenAIBatchSpec, ProviderSpec, default_keys

TaskSpec: TypeAlias = (
    ChatSpec | EmbeddingsSpec | OpenAIBatchSpec | PythonSpec | CommandSpec | TransformersSpec | HttpSpec | PluginSpec
)


class Place(NamedTuple):
    """One of the providers that a job may ask."""

    table: str
    """What tells of it in a job file."""
    task: TaskSpec
    """The whole task, as this provider does it."""
    tier: int = 0
    """0 for the job's own provider, 1 and more for those it falls back to; -1 for one that only a rule sends to."""
    rule: int = 0
    """The rule that sends to it, counted from 1."""


def tiers(task: TaskSpec) -> tuple[TaskSpec, ...]:
    """Return the task itself, and then the whole task that each of its fallbacks stands for."""
    return tuple(place.task for place in places(task) if not place.rule)


def places(task: TaskSpec) -> tuple[Place, ...]:
    """Return the task itself, then what each of its fallbacks stands for, and each of its rules."""
    if not isinstance(task, ProviderSpec):
        return (Place("task", task),)
    return (
        Place("task", _alone(task)),
        *(Place(f"task.fallback[{i}]", _tier(task, each), tier=i + 1) for i, each in enumerate(task.fallback)),
        *(Place(f"task.route[{i}]", _tier(task, each), tier=-1, rule=i + 1) for i, each in enumerate(task.route)),
    )


def server_of(task: TaskSpec) -> str:
    """Return the server as lanes tell it from others: batches keep to limits of their own."""
    return f"{task.base_url}/batches" if isinstance(task, OpenAIBatchSpec) else task.base_url


def asked_one_by_one(task: TaskSpec) -> TaskSpec:
    """Return what is asked for each item: of a batch, what each of its lines asks."""
    return task.asked if isinstance(task, OpenAIBatchSpec) else task


def _alone(task: ProviderSpec) -> ProviderSpec:
    alone = msgspec.structs.replace(task, fallback=())
    return msgspec.structs.replace(alone, route=()) if isinstance(alone, ChatSpec) else alone


def _tier(task: ProviderSpec, fallback: Fallback) -> ProviderSpec:
    model, base_url = fallback.model or task.model, fallback.base_url or task.base_url
    names = fallback.api_key_env
    if names is None:  # a key never goes to a server that it was not meant for
        names = task.api_key_env if base_url == task.base_url else default_keys(base_url)
    prices = {"price_in": fallback.price_in, "price_out": fallback.price_out}
    own = {name: getattr(task, name) for name in prices if name in task.__struct_fields__}
    known = {name: prices[name] if prices[name] is not None or model != task.model else own[name] for name in own}
    return msgspec.structs.replace(_alone(task), model=model, base_url=base_url, api_key_env=names, **known)
