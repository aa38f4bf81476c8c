"""Opens connections to a job's server while its input is loaded, so that the first batches need not wait for that."""

import math
from typing import Final

from .settings import Settings
from .taskspec import EmbeddingsSpec, HttpSpec, TaskSpec

MOST: Final = 100
"""Connections to a server that are opened beforehand."""


def first_wave(task: TaskSpec, settings: Settings) -> int:
    """Return how many requests a job sends before it has the first answer, as far as connections are opened for them.

    Where requests a minute are limited, it is what they come to in a second.
    """
    whole = isinstance(task, EmbeddingsSpec) or (isinstance(task, HttpSpec) and task.takes == "batch")
    each = 1 if whole else math.ceil(settings.batch_size / settings.items_per_request)
    allowed = math.ceil(settings.rpm / 60) if settings.rpm else MOST
    return min(MOST, allowed, settings.concurrency * each)
