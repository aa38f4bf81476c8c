"""What tells one state of an input from another, without a look into its files."""

from hashlib import blake2b
from typing import NamedTuple

from ..job import InputSpec
from .files import files_of
from .globs import is_many


class State(NamedTuple):
    """An input as it lies on the disk."""

    stamp: str
    """Another one when a file came, went or changed, or when something else is to be read of them."""
    size: int
    """Bytes; 0 where how far a reading has come can't be told in bytes."""


def state_of(spec: InputSpec) -> State:
    """Return the state of an input; raises InputError where it can't be read."""
    files = files_of(spec)
    size = sum(file.size for file in files)
    facts = [f"{file.name}|{file.size}|{file.mtime_ns}" for file in files]
    told = _digest("\n".join(facts)) if is_many(spec.path) else f"{size}|{files[0].mtime_ns}"
    how = [spec.format, spec.query and _digest(spec.query), spec.bad_rows if spec.bad_rows != "stop" else None]
    stamp = "|".join((spec.path, told, *filter(None, how)))
    return State(stamp, 0 if files[0].kind == "sqlite" else size)


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()
