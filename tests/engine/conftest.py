"""A workspace, a writer that owns it, and engines in processes of their own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from batchtop.engine.store.writer import Writer

from .nursery import Nursery


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "batchtop.db"


@pytest.fixture
async def writer(workspace: Path) -> AsyncGenerator[Writer]:
    async with Writer(workspace) as opened:
        yield opened


@pytest.fixture
async def nursery() -> AsyncGenerator[Nursery]:
    async with Nursery() as warm:
        yield warm
