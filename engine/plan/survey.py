"""Compares an input with a workspace, and writes a word to neither: what a run would find there."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ..errors import WorkspaceError
from ..identity import fingerprint
from ..item import Item
from ..job import JobSpec
from ..loading import Progress
from ..rows import rows_of
from ..settings import Settings, resolve
from ..source import Rejects, state_of
from ..store.past import Past, past
from ..store.planning import Comparison, Counts, beside, stored
from .branches import Branch, branches, together
from .draw import Draw
from .forecast import Work, fitness

_fields: Any = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Survey:
    """What input and workspace say of a run to come."""

    settings: Settings
    """With what was changed while the job ran."""
    counts: Counts
    past: Past
    branches: tuple[Branch, ...]
    """What each of the job's models is asked, the task's own first."""
    unfit_rules: tuple[str, ...]
    """What rules of the job can't be asked of an item, which they then don't fit."""
    sampled: int | None
    """Items whose requests were written to estimate those of all; None where that was done for all."""
    changed_all: bool
    """Whether something that makes every answer is another than before."""
    prepared: tuple[int, ...]
    """The rows of the input, then those behind each step of the preparation."""

    @property
    def work(self) -> Work:
        """What is sent, but for what is asked of a second model."""
        return together(self.branches)


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
    draw, progress = Draw(), Progress(size=state_of(spec.input).size)
    try:
        with beside(workspace) as db:
            before = past(db, spec, wishes)
            counts = _counted(db, spec, draw, progress, fresh=fresh, tell=tell)
    except sqlite3.Error as error:
        raise WorkspaceError(f"{workspace}: cannot be compared with the input ({error})") from error
    settings = resolve((*spec.layers, *before.live)).settings
    items = [Item(number, str(number), _fields(payload)) for number, payload in enumerate(draw, 1)]
    unfit: list[str] = []
    return Survey(
        settings=settings,
        counts=counts,
        past=before,
        branches=branches(spec, items, counts.ask, settings, unfit.append),
        unfit_rules=tuple(unfit),
        sampled=None if draw.whole else len(draw),
        changed_all=bool(before.fingerprint) and before.fingerprint != fingerprint(spec),
        prepared=tuple(progress.prepared.rows),
    )


def _counted(
    db: sqlite3.Connection,
    spec: JobSpec,
    draw: Draw,
    progress: Progress,
    *,
    fresh: bool,
    tell: Callable[[Progress], None],
) -> Counts:
    """Compare every row, and draw from those that are to be asked."""
    fits = fitness(spec.task)
    comparison = Comparison(
        db, stored(db, spec.name), fresh=fresh, fits=lambda payload: fits(_fields(payload)), offer=draw.offer
    )
    rejects = Rejects(None)
    at = partial(setattr, progress, "bytes")
    rows = rows_of(spec, at=at, rejected=rejects.add, tally=progress.prepared)
    while comparison.take(rows):
        progress.rows = comparison.rows
        tell(progress)
    return replace(comparison.counts(spec.input), rejected=rejects.count)
