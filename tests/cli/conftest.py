"""A folder with the command line in it, and a provider for its jobs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from batchtop.engine.simulator import Simulator

from .shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Run commands in a folder of their own; what they leave running is ended."""
    shell = Shell(tmp_path / "here")
    yield shell
    shell.end_all()


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    """Serve a provider that answers at once; assign to its `behaviour` for another."""
    async with Simulator() as provider:
        yield provider
