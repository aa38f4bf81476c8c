"""`batchtop retry`: failed items once more, in the engine that runs their job, or by running it again."""

from argparse import Namespace

import msgspec

from ..engine.outcome import Outcome
from ..engine.redo import Redo
from ..engine.snapshot import ACTIVE
from ..engine.store.lock import owner
from .ask import tell
from .opened import opened
from .run import start


def retry(options: Namespace) -> int:
    """Try the failed items of a job again, all or those of some kinds, with the job as it ran last."""
    wish = Redo.kinds(map(Outcome, options.kind))
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
        spec = reader.spec(options.job)
        failed = sum(group.items for group in reader.results.failures(job.id) if group.kind in wish.failed)
    if not failed:
        print(f"{job.name}: no item has failed{' that way' if options.kind else ''}")
        return 0
    if job.state in ACTIVE and owner(options.db) is not None:
        tell(options, "retry", msgspec.to_builtins(wish))
        return 0
    return start(options, [spec], wish)
