"""What can be known to be wrong before anything starts: said in one line, while the person still looks."""

import os
from itertools import islice

from ..engine.errors import AuthError, InputError
from ..engine.item import Item
from ..engine.job import JobSpec
from ..engine.source import open_source
from ..engine.tasks import build_task


def preflight(spec: JobSpec) -> Item:
    """Return the first item of a job whose input can be read, whose template fits it, and whose key is set.

    Raises InputError or AuthError.
    """
    key = usable_key(spec)
    item = first_item(spec)
    plan = build_task(spec.task, key).plan([item])
    for _, answer in plan.unfit:
        raise InputError(f"{spec.input.path}, the first item: {answer.message}")
    return item


def usable_key(spec: JobSpec) -> str | None:
    """Return the first key that is set, None where none is needed; raises AuthError where one is missing."""
    names = spec.task.api_key_env
    keys = [os.environ[name] for name in names if os.environ.get(name)]
    if names and not keys:
        raise AuthError(
            f"no API key: {' or '.join(names)} is not set; export it, or name another variable in task.api_key_env"
        )
    return keys[0] if keys else None


def first_item(spec: JobSpec) -> Item:
    """Return the first row of the input as an item."""
    import msgspec

    row = next(islice(open_source(spec.input), 1))
    return Item(0, row.key, msgspec.json.decode(row.payload, type=dict[str, object]))
