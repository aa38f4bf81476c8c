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


_MODES = {f"\x1b[?{n}h".encode(): f"\x1b[?{n}l".encode() for n in (1049, 1000, 1003, 1004, 1006, 2004)}
_MODES |= {b"\x1b[?25l": b"\x1b[?25h", b"\x1b[?7l": b"\x1b[?7h"}
"""How a screen is taken, and how it is given back."""


def _take_charge() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs one command in a pseudo-terminal: `with Terminal(shell, "run", "job.toml") as terminal`.

    The command is `in_charge` as a login shell is: it hears that the terminal is gone.
    """

    def __init__(
        self,
        shell: Shell,
        *words: str,
        columns: int = 80,
        rows: int = 24,
        program: tuple[str, ...] = PROGRAM,
        in_charge: bool = True,
    ) -> None:
        self._shell = shell
        self._words = [*program, *words]
        self._in_charge = in_charge
        self._size = struct.pack("HHHH", rows, columns, 0, 0)
        self._drawn = bytearray()

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        self.attributes = termios.tcgetattr(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, self._size)
        self.popen = subprocess.Popen(
            self._words,
            cwd=self._shell.folder,
            env=self._shell.environment | {"TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_charge if self._in_charge else None,  # noqa: PLW1509 (one call, which takes no lock)
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.vanish()

    def vanish(self) -> None:
        """End the terminal, as a lost connection does: who writes there fails, who reads there finds nothing."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
        self._master = -1

    def shows_its_cursor(self) -> bool:
        """Tell whether the cursor was hidden, and is shown again."""
        return 0 <= self._drawn.rfind(b"\x1b[?25l") < self._drawn.rfind(b"\x1b[?25h")

    def is_as_before(self) -> bool:
        """Tell whether typing is echoed again, the cursor shown, the mouse let go, and the other screen left."""
        last = {mode: self._drawn.rfind(mode) for mode in _MODES}
        undone = [last[mode] < self._drawn.rfind(undo) for mode, undo in _MODES.items() if last[mode] >= 0]
        return termios.tcgetattr(self._master) == self.attributes and len(undone) > 3 and all(undone)

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
