"""A command in a terminal of its own, and what it draws there."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from typing import Self

from .shell import PROGRAM, Shell, until

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")


class Terminal:
    """Runs one command in a pseudo-terminal: `with Terminal(shell, "run", "job.toml") as terminal`."""

    def __init__(self, shell: Shell, *words: str, columns: int = 80, rows: int = 24) -> None:
        self._shell = shell
        self._words = words
        self._size = struct.pack("HHHH", rows, columns, 0, 0)
        self._drawn = bytearray()

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, self._size)
        self.popen = subprocess.Popen(
            [*PROGRAM, *self._words],
            cwd=self._shell.folder,
            env=self._shell.environment | {"TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """All that was drawn so far, without colours and movements."""
        return _ESCAPES.sub("", self._drawn.decode(errors="replace"))

    async def shows(self, text: str) -> None:
        """Wait until a text was drawn."""
        await until(lambda: text in self.text or self.popen.poll() is not None, lambda: f"{text!r} on the screen")
        assert text in self.text, self.text[-2000:]

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def end(self, within_s: float = 10.0) -> int:
        """Wait until the command is over and return its exit code."""
        await until(lambda: self.popen.poll() is not None, lambda: f"its end: {self.text[-2000:]}", within_s)
        assert "Traceback" not in self.text, self.text[-4000:]
        return self.popen.returncode

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side has been closed
            self._drawn += os.read(self._master, 65_536)
            return
        asyncio.get_running_loop().remove_reader(self._master)
