"""What would be sent for one item by itself, to be looked at. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..errors import InputError
from ..item import Item
from ..job import JobSpec
from ..taskspec import asked_one_by_one
from . import build_task


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request without its headers, which hold the key."""

    method: str
    url: str
    body: str
    """JSON, indented; empty where the request has none."""


def shown_request(spec: JobSpec, fields: Mapping[str, object], key: str) -> ShownRequest:
    """Return what would be sent for one item if it went alone, to the job's own provider.

    Raises InputError, which says what is the matter, where the fields don't fit the prompt.
    """
    asked = asked_one_by_one(spec.task)
    if asked.tokenizer:
        asked = msgspec.structs.replace(asked, tokenizer=None)  # nothing is counted here
    task = build_task(asked, None)
    plan = task.plan((Item(0, key, fields),))
    for _, answer in plan.unfit:
        raise InputError(f"item {key}: {answer.message}")
    (call,) = plan.calls
    body = msgspec.json.format(call.request.body, indent=2).decode() if call.request.body else ""
    return ShownRequest(call.request.method, call.request.url, body)
