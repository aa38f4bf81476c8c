"""A job that has everything: limits, refusals, errors of many kinds, an engine that works."""

from dataclasses import replace

from batchtop.engine.snapshot import Sample, Snapshot

from .fake_source import samples, snapshot


def busy_samples(seconds: int = 185) -> tuple[Sample, ...]:
    made = samples(seconds=seconds)
    return tuple(
        replace(
            each,
            lag_ms=2.0 + i % 7,
            connections=each.in_flight,
            rpm_limit=1_500 if i < seconds // 2 else 2_100,
            cpu=0.2 + 0.01 * (i % 9),
            rss_mb=60.0 + i / 4,
            errors={**each.errors, "overloaded": 2 * (i % 20 == 3), "connection": int(i % 33 == 5)},
        )
        for i, each in enumerate(made)
    )  # fmt: skip


def busy(**changes: object) -> Snapshot:
    """Return the job as it is read; `changes` replace its parts."""
    return snapshot(**{"samples": busy_samples(), **changes})
