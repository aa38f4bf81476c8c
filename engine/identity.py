"""Who an item is: the hash of all that makes its answer, so that nothing is asked twice. Pure."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from .job import JobSpec
from .tasks.template import compile_template
from .taskspec import TaskSpec, asked_one_by_one

Identify: TypeAlias = Callable[[str, Mapping[str, object]], bytes]
"""Gives the digest of an item, 16 bytes, of its key and its fields."""

_NO_PART_OF_THE_ANSWER: Final = (
    *("api_key_env", "price_in", "price_out", "tokenizer", "fallback", "route"),
    *("stream", "path", "mode", "workers", "device", "key_header", "price_per_request"),
    *("vectors", "encoding"),
)

_encode = msgspec.json.Encoder(order="sorted").encode


def fingerprint(job: JobSpec) -> str:
    """Return a hash of all that makes an answer besides the item: endpoint, model, prompt and parameters.

    Values left at their default are no part of it, so a later version with more parameters keeps it.
    """
    facts = msgspec.to_builtins(asked_one_by_one(job.task))
    for name in _NO_PART_OF_THE_ANSWER:
        facts.pop(name, None)
    if job.input.duplicates != "once":
        facts["duplicates"] = job.input.duplicates
    return hashlib.blake2b(msgspec.json.encode(facts, order="sorted"), digest_size=16).hexdigest()


def used_fields(task: TaskSpec) -> tuple[str, ...] | None:
    """Return the fields of a row that its answer depends on, in alphabetical order; None for all of them."""
    texts = task.templates
    return texts and tuple(sorted({field for text in texts for field in compile_template(text).fields}))


def identify(job: JobSpec) -> Identify:
    """Return what gives the digest of an item: of the fields that its request is made of, and of what asks for it.

    Rows whose other fields differ, their ids among them, are the same question, unless each is to be asked by itself.
    """
    salt = fingerprint(job).encode()
    used = used_fields(job.task)
    each = job.input.duplicates == "each"

    def digest(key: str, fields: Mapping[str, object]) -> bytes:
        content = _encode(fields if used is None else {name: fields[name] for name in used if name in fields})
        return hashlib.blake2b(content + (key.encode() if each else b"") + salt, digest_size=16).digest()

    return digest
