"""`batchtop plan`: what a run would do and cost, before any is spent; it writes nothing, and needs no key."""

import json
import sys
import time
from argparse import Namespace
from typing import Final

from ...engine.errors import InputError
from ...engine.job import JobSpec
from ...engine.loading import Progress
from ...engine.plan.survey import survey
from ...engine.tasks import build_task
from ..opened import opened
from ..preflight import check_output, first_item, key_names
from ..run import job_of, wishes_of
from ..say import width
from .planned import facts, planned
from .text import plan_text

_PLAIN_WIDTH: Final = 80
_MOST_WIDTH: Final = 100
_PATIENCE_S: Final = 1.0
_TELL_S: Final = 0.2


def plan(options: Namespace) -> int:
    """Show what a run would do."""
    spec = job_of(options)
    _check(spec)
    exists = options.db.exists()
    if exists:
        with opened(options.db):
            pass  # what is wrong with the file is said here
    meter = _Meter()
    found = survey(options.db, spec, wishes=wishes_of(options, spec), fresh=options.fresh, tell=meter.tell)
    meter.clear()
    keys = key_names(spec.task)
    told = planned(spec, found, keys, workspace=options.db if exists else None, fresh=options.fresh)
    print(json.dumps(facts(told)) if options.json else plan_text(told, min(width(_PLAIN_WIDTH), _MOST_WIDTH)))
    return 0


def _check(spec: JobSpec) -> None:
    """Raise what a run would refuse to begin with, but for a missing key."""
    check_output(spec)
    for _, answer in build_task(spec.task, None).plan([first_item(spec)]).unfit:
        raise InputError(f"{spec.input.path}, the first item: {answer.message}")


class _Meter:
    """Says on a terminal how far a long reading has come."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _PATIENCE_S
        self._shown = False

    def tell(self, progress: Progress) -> None:
        """Say it, now and then."""
        now = time.monotonic()
        if now >= self._next_s and sys.stderr.isatty():
            self._next_s, self._shown = now + _TELL_S, True
            share = f", {progress.share:.0%} of the input" if progress.share else ""
            self._say(f"\r{progress.rows:,} rows read{share}")

    def clear(self) -> None:
        """Leave no trace of it."""
        if self._shown:
            self._say("\r\x1b[K")

    def _say(self, text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)
