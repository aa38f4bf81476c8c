"""`batchtop failures`: what went wrong with how many items, and what can be done about it."""

import json
import shlex
from argparse import Namespace
from collections.abc import Iterator
from typing import Final

import msgspec

from ..engine.failures import Group, Grouped, grouped
from ..engine.outcome import RETRIED_BY_RERUN
from ..engine.snapshot import JobRow
from ..engine.store.results import Results
from ..engine.text import clean
from ..tui.words.format import count, percent, plural, words
from .opened import opened

SHOWN_LETTERS: Final = 300


def failures(options: Namespace) -> int:
    """Show the failures of a job in groups; that there are some is no failure of this command."""
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
        found = grouped(reader.results.failures(job.id, options.kind))
        shown = found.groups[: options.limit]
        if options.json:
            print(json.dumps(_facts(job, found, shown, reader.results)))
        else:
            print("\n".join(_lines(job, found, shown, options.kind, reader.results)))
    return 0


def _facts(job: JobRow, found: Grouped, shown: tuple[Group, ...], results: Results) -> dict[str, object]:
    return {
        "job": job.name,
        "total": job.total,
        "failed": found.items,
        "groups": [
            {
                "kind": group.kind,
                "pattern": clean(group.pattern),
                "items": group.items,
                "share": round(group.items / found.items, 4),
                "attempts": group.attempts,
                "retried_by_rerun": group.kind in RETRIED_BY_RERUN,
                "sample": {"id": msgspec.json.decode(results.key(group.seq)), "message": clean(group.message)},
            }
            for group in shown
        ],
        "others": found.items - sum(group.items for group in shown),
    }


def _lines(job: JobRow, found: Grouped, shown: tuple[Group, ...], kind: str | None, results: Results) -> Iterator[str]:
    what = f"{words(kind)}: " if kind else ""
    if not found.items:
        yield f"{job.name}: {what}no failed items"
        return
    yield f"{job.name}: {what}{count(found.items)} of {plural(job.total, 'item')} failed"
    for group in shown:
        yield ""
        yield from _group(group, found.items, results)
    if rest := found.items - sum(group.items for group in shown):
        yield f"\n{plural(rest, 'item')} in smaller groups"
    yield ""
    yield from _advice(job, shown)


def _group(group: Group, failed: int, results: Results) -> Iterator[str]:
    share, tries = percent(group.items, failed), plural(group.attempts, "attempt")
    yield f"{count(group.items):>9}  {share:>6}  {words(group.kind)}, {tries}: {_shown(group.pattern)}"
    yield f"{'':19}e.g. {clean(results.key(group.seq), 80)}: {_shown(group.message)}"


def _shown(message: str) -> str:
    return clean(message, SHOWN_LETTERS) or "(no message)"


def _advice(job: JobRow, shown: tuple[Group, ...]) -> Iterator[str]:
    """Say what a rerun tries again by itself, how to try the others again, and where each item is listed."""
    kinds = dict.fromkeys(group.kind for group in shown)
    name = shlex.quote(job.name)
    passing = [words(kind) for kind in kinds if kind in RETRIED_BY_RERUN]
    lasting = [kind for kind in kinds if kind not in RETRIED_BY_RERUN]
    if passing:
        yield f"Running the job again tries again what may pass: {', '.join(passing)}."
    for kind in lasting:
        yield f"`batchtop retry {name} --kind {kind}` tries {words(kind)} again, once its cause is gone."
    yield f"`batchtop export {name} --failed --with-input` lists each failed item."
