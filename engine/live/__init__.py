"""Inputs whose rows come while the job runs: standard input, and the answers of another job."""

from pathlib import Path

from ..job import JobSpec
from .intake import Live
from .stdin import StandardInput
from .upstream import Upstream

__all__ = ["Live", "open_live"]


def open_live(spec: JobSpec, workspace: Path, stdin: int | None) -> Live | None:
    """Return where the rows of a job come from while it runs, or None where they are all there when it starts.

    `stdin` is a descriptor; None means that a job over standard input goes on with the rows that it has.
    """
    if spec.input.job is not None:
        return Upstream(workspace, spec.input.job, spec.input.output)
    return StandardInput(spec.input, stdin) if spec.input.live else None
