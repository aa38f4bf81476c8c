"""A workspace, and a writer that owns it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from batchtop.engine.store.writer import Writer


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "batchtop.db"


@pytest.fixture
async def writer(workspace: Path) -> AsyncGenerator[Writer]:
    async with Writer(workspace) as opened:
        yield opened
