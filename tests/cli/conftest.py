"""A folder with the command line in it, and a provider for its jobs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from batchtop.engine.simulator import Simulator

from .shell import ENVIRONMENT, Shell
from .warm import Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Have what commands import imported once."""
    warm = Warm(ENVIRONMENT)
    yield warm
    warm.close()


@pytest.fixture
def shell(tmp_path: Path, warm: Warm) -> Iterator[Shell]:
    """Run commands in a folder of their own; what they leave running is ended."""
    shell = Shell(tmp_path / "here", warm)
    yield shell
    shell.end_all()


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    """Serve a provider that answers at once; assign to its `behaviour` for another."""
    async with Simulator() as provider:
        yield provider
