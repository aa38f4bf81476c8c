"""Compares an input with a workspace, and writes a word to neither: what a run would find there."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..errors import WorkspaceError
from ..identity import fingerprint, identify
from ..item import Item
from ..job import JobSpec
from ..loading import Progress
from ..settings import Settings, resolve
from ..source import open_source
from ..store.past import Past, past
from ..store.planning import Comparison, Counts, beside, stored
from ..tasks import build_task
from .draw import Draw
from .forecast import Work, fitness, render, work

_fields: Any = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Survey:
    """What input and workspace say of a run to come."""

    settings: Settings
    """With what was changed while the job ran."""
    counts: Counts
    past: Past
    work: Work
    sampled: int | None
    """Items whose requests were written to estimate those of all; None where that was done for all."""
    changed_all: bool
    """Whether something that makes every answer is another than before."""


def survey(
    workspace: Path,
    spec: JobSpec,
    *,
    wishes: Collection[str] = (),
    fresh: bool = False,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> Survey:
    """Read the whole input, and return what a run would find; needs no workspace, and no key.

    `wishes` are settings asked for anew, `fresh` asks all again, `tell` hears now and then how far it has come. Raises
    InputError, and WorkspaceError where the workspace can't be read.
    """
    draw = Draw()
    try:
        with beside(workspace) as db:
            before = past(db, spec, wishes)
            counts = _counted(db, spec, draw, fresh=fresh, tell=tell)
    except sqlite3.Error as error:
        raise WorkspaceError(f"{workspace}: cannot be compared with the input ({error})") from error
    settings = resolve((*spec.layers, *before.live)).settings
    rendered = render(build_task(spec.task, None), [Item(0, "", _fields(payload)) for payload in draw], settings)
    return Survey(
        settings=settings,
        counts=counts,
        past=before,
        work=work(counts.ask, rendered, settings),
        sampled=None if draw.whole else len(draw),
        changed_all=bool(before.fingerprint) and before.fingerprint != fingerprint(spec),
    )


def _counted(
    db: sqlite3.Connection, spec: JobSpec, draw: Draw, *, fresh: bool, tell: Callable[[Progress], None]
) -> Counts:
    """Compare every row, and draw from those that are to be asked."""
    fits = fitness(spec.task)
    progress = Progress()
    comparison = Comparison(
        db, stored(db, spec.name), fresh=fresh, fits=lambda payload: fits(_fields(payload)), offer=draw.offer
    )
    rows = open_source(spec.input, identify(spec), at=lambda byte: setattr(progress, "bytes", byte))
    while comparison.take(rows):
        progress.rows = comparison.rows
        tell(progress)
    return comparison.counts(spec.input.path)
