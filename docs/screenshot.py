"""Makes docs/dashboard.svg: the demo's job in the middle of its run, in the real dashboard. Run: `make screenshots`."""  # noqa: INP001

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from batchtop.tui.app import Dashboard
from batchtop.tui.reads.source import WorkspaceSource

PICTURE: Final = Path(__file__).with_name("dashboard.svg")
SIZE: Final = (120, 36)
JOB: Final = "docstrings"
TURNS: Final = ((12.0, "concurrency=10"), (14.0, "delay=500ms"), (12.0, "preset=balanced"))
"""Dials turned while the job runs: seconds after the turn before, and what changes."""
LAST_S: Final = 10.0
_REMOTE_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """Run the demo headless, gently at first, and yield its workspace once it runs; it ends with the block."""
    words = [sys.executable, "-m", "batchtop.cli.main", "demo", "--no-ui", "--folder", folder, "--set", "concurrency=3"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own program)
        assert process.stderr is not None  # noqa: S101
        try:
            next(line for line in process.stderr if line.endswith(" running\n"))
            yield folder / "batchtop.db"
        finally:
            process.terminate()


async def turn_dials(workspace: Path) -> None:
    """Change settings as a person would, from another terminal."""
    for pause_s, change in TURNS:
        await asyncio.sleep(pause_s)
        words = ("-m", "batchtop.cli.main", "set", JOB, change, "--db", workspace)
        process = await asyncio.create_subprocess_exec(sys.executable, *words)
        if await process.wait():
            raise SystemExit(f"{change} was refused")
    await asyncio.sleep(LAST_S)


async def picture(workspace: Path) -> str:
    """Return the dashboard as SVG, with whatever monospace font its reader has."""
    board = Dashboard(WorkspaceSource(workspace), job=JOB, environment={})
    async with board.run_test(size=SIZE) as pilot:
        await asyncio.sleep(2)  # two reads, and whatever they move
        await pilot.pause()
        return _REMOTE_FONTS.sub("", board.export_screenshot(title=f"batchtop attach {JOB}"))


async def main() -> None:
    """Run, turn, draw."""
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as workspace:
        await turn_dials(workspace)
        PICTURE.write_text(await picture(workspace), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
