"""`batchtop export`: the results of a job as JSON lines, CSV, Parquet or an archive of NumPy's."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

import msgspec

from ...engine.errors import UsageError
from ...engine.output.whole import own_files
from ...engine.store.results import Selection
from ..opened import opened
from ..target import target
from .formats import HEADS, Export, format_of, writer
from .npz import MEMBERS, member_names
from .parquet import column_names

MAX_LINE_BYTES: Final = 1 << 28
_BINARY: Final = {"parquet": "Parquet", "npz": "an archive of NumPy's"}


def export(options: Namespace) -> int:
    """Write every result once."""
    form = options.format or format_of(options.output)
    if form in _BINARY and options.output == "-" and sys.stdout.isatty():
        raise UsageError(
            f"{_BINARY[form]} is nothing to read on a terminal: name a file with -o, or pipe it to a program"
        )
    if form == "npz" and (options.failed or options.with_input):
        raise UsageError("an archive of NumPy's has ids and vectors alone: export failed items or the input as Parquet")
    write = writer(form)
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
        wanted = Selection(job.id, options.failed, options.order, options.with_input)
        kept = own_files(options.db, reader.results.files(job.id))
        vectors = job.task == "embeddings" or reader.results.ends_in_vector(job.id)
        with target(options.output, "export", _is_export, kept) as file:
            written = write(file, Export(reader.results, wanted, vectors))
    where = "" if options.output == "-" else f" → {options.output}"
    print(f"{written:,} {'failed items' if options.failed else 'results'} of {job.name}{where}", file=sys.stderr)
    return 0


def _is_export(path: Path) -> bool:
    """Return whether a file is empty, or begins as an export of any format does."""
    if names := column_names(path):
        return _has_heads(names)
    if members := member_names(path):
        return members == MEMBERS
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES)
    return not first or _is_line(first) or _has_heads(first.decode(errors="replace").rstrip("\n").split(","))


def _has_heads(names: list[str]) -> bool:
    return any(names[: len(head)] == list(head) for head in HEADS.values())


def _is_line(text: bytes) -> bool:
    try:
        return {"id", "status"} <= msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys()
    except msgspec.MsgspecError:
        return False
