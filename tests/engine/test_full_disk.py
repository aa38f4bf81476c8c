"""A disk that gets full, under the output or under the workspace: one clear message, and nothing is lost or twice."""

import subprocess
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from batchtop.engine.job import OutputSpec
from batchtop.engine.simulator import Behaviour, Simulator

from .crashing import KILLED, Scene
from .nursery import Nursery


@pytest.fixture
async def provider() -> AsyncGenerator[Simulator]:
    async with Simulator(Behaviour(latency_ms=50)) as server:
        yield server


class Disk:
    """A file system of its own, so small that it gets full."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, size_kib: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size_kib}k", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield Disk(path)
    subprocess.run(["umount", path], check=True)


@pytest.mark.slow
async def test_output_on_a_full_disk(tmp_path: Path, disk: Disk, nursery: Nursery, provider: Simulator):
    scene = Scene(tmp_path, provider, nursery, output=OutputSpec(str(disk.path / "out.jsonl")))
    scene.rows(2_000)
    disk.has(32)
    await scene.killed(3, 0.2)
    life = await scene.live()
    assert life.code == 3, scene.said
    assert not life.lost, "what was answered is kept, though the output can't be written"
    assert "No space left" in scene.said
    for lasts_s in (None, 0.1, 0.02):
        life = await scene.live(lasts_s)
        assert life.code == KILLED or (life.code == 3 and "No space left" in scene.said), (life.code, scene.said)
        assert not life.arrivals, "nothing is asked while there is no room for the answers"
    disk.has(32 * 1024)
    await scene.killed(2, 0.1)
    await scene.finish()
    scene.check_end(2_000)


@pytest.mark.slow
async def test_workspace_on_a_full_disk(tmp_path: Path, disk: Disk, nursery: Nursery, provider: Simulator):
    scene = Scene(tmp_path, provider, nursery, home=disk.path)
    scene.rows(2_000)
    await scene.killed(3, 0.2)
    disk.has(sum(file.stat().st_blocks for file in disk.path.iterdir()) // 2 + 200)
    for lasts_s in (None, None, 0.1, 0.02):
        life = await scene.live(lasts_s)
        assert life.code == KILLED or (life.code == 3 and "disk is full" in scene.said), (life.code, scene.said)
        assert len(life.lost) <= 3 * 3 * 10, "it went on asking though no answer could be kept"
    disk.has(32 * 1024)
    await scene.killed(2, 0.1)
    await scene.finish()
    scene.check_end(2_000)


@pytest.mark.slow
async def test_files_that_may_not_grow(tmp_path: Path, nursery: Nursery, provider: Simulator):
    scene = Scene(tmp_path, provider, nursery)
    scene.rows(2_000)
    for limit in (50_000, 200_000, 300_000, 400_000, 600_000):
        life = await scene.live(file_limit=limit)
        assert life.code == 3
        assert "disk I/O error" in scene.said
        assert len(life.lost) <= 3 * 3 * 10, "it went on asking though no answer could be kept"
    await scene.finish()
    scene.check_end(2_000)
