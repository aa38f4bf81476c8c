"""Jobs that take each other's answers: which has to start first. Pure."""

from collections.abc import Collection, Mapping, Sequence

from .errors import UsageError
from .job import JobSpec


def in_order(jobs: Sequence[JobSpec]) -> list[JobSpec]:
    """Return jobs with each behind the one whose answers it takes, else as they are.

    Raises UsageError where two have one name, or some wait for each other.
    """
    by_name = {job.name: job for job in jobs}
    if len(by_name) < len(jobs):
        twice = next(job.name for job in jobs if by_name[job.name] is not job)
        raise UsageError(f"two of these jobs are named {twice}; names have to differ")
    above = {job.name: job.input.job for job in jobs}
    for job in jobs:
        check_above(job.name, above)
    return sorted(jobs, key=lambda job: _depth(job.name, above))


def check_above(name: str, above: Mapping[str, str | None]) -> None:
    """Raise UsageError where a job waits for its own answers; `above` has the job whose answers each one takes."""
    path = [name]
    while (upstream := above.get(path[-1])) is not None:
        path.append(upstream)
        if upstream == name:
            raise UsageError(f"{name}: input.job: these jobs wait for each other: {' ← '.join(path)}")
        if len(path) > len(above) + 1:
            return  # a circle that this job is not in


def no_upstream(name: str, upstream: str, known: Collection[str]) -> UsageError:
    """Return what to say where nobody knows the job whose answers are wanted."""
    there = f"; there are: {', '.join(sorted(known))}" if known else ""
    return UsageError(
        f"{name}: input.job: there is no job {upstream} in this workspace; start it first, or both with one command,"
        f" as in `batchtop run {upstream}.toml {name}.toml`{there}"
    )


def _depth(name: str, above: Mapping[str, str | None]) -> int:
    upstream = above.get(name)
    return 0 if upstream is None else 1 + _depth(upstream, above)
