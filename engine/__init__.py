"""The batch engine: an asyncio library that runs jobs in a workspace and knows no user interface.

For example::

    async with Engine("batchtop.db") as engine:
        end = await engine.run(load_job(Path("reviews.toml")))
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ending import End
    from .engine import Engine
    from .errors import BatchtopError
    from .job import JobSpec, assemble
    from .jobfile import load_job
    from .presets import load_presets
    from .transports.python.again import TryAgain

_HOMES = {
    "BatchtopError": "errors",
    "End": "ending",
    "Engine": "engine",
    "JobSpec": "job",
    "TryAgain": "transports.python.again",
    "assemble": "job",
    "load_job": "jobfile",
    "load_presets": "presets",
}

__all__ = ["BatchtopError", "End", "Engine", "JobSpec", "TryAgain", "assemble", "load_job", "load_presets"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that a part of the engine costs only itself."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
