"""A dashboard in a terminal of its own: what it writes there, what it takes of a core, and keys typed at it."""

import codecs
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

PROGRAM = (sys.executable, "-P", "-m", "batchtop.cli.main")
_FRAME = b"\x1b[?2026h"
"""What textual begins each frame with, where the terminal says that it knows it."""
_SYNC_ASKED, _SYNC_KNOWN = b"\x1b[?2026$p", b"\x1b[?2026;1$y"
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")


class Terminal:
    """Runs one command in a pseudo-terminal, and reads all it draws in a thread: `with Terminal(folder, "attach")`."""

    def __init__(
        self, folder: Path, *words: str, size: tuple[int, int] = (120, 36), env: Mapping[str, str] | None = None
    ) -> None:
        self._folder, self._words, self._size = folder, words, size
        self._env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | dict(env or {})
        self._drawn: list[tuple[float, bytes]] = []
        self._answered = False

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self._size[1], self._size[0], 0, 0))
        self.process = psutil.Popen(
            [*PROGRAM, *self._words],
            cwd=self._folder,
            env=self._env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._reader.join(5)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                got = os.read(self._master, 65_536)
            except OSError:  # the dashboard is gone
                return
            self._drawn.append((time.time(), got))
            if not self._answered and _SYNC_ASKED in got:
                self._answered = True
                os.write(self._master, _SYNC_KNOWN)

    def type(self, keys: str) -> float:
        """Press keys, and return when."""
        os.write(self._master, keys.encode())
        return time.time()

    @property
    def cpu_s(self) -> float:
        """Seconds of a core that its process took so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def bytes(self) -> int:
        """How many bytes it drew so far."""
        return sum(len(each) for _, each in list(self._drawn))

    @property
    def frames(self) -> int:
        """How often it drew so far."""
        return b"".join(each for _, each in list(self._drawn)).count(_FRAME)

    def shown_at(self, pattern: str, since: float, within_s: float = 10.0) -> float:
        """Return when what was drawn since a moment held a pattern at first."""
        deadline, told = time.time() + within_s, ""
        while time.time() < deadline:
            told, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
            for at, each in list(self._drawn):
                if at >= since:
                    told += decoder.decode(each)
                    if re.search(pattern, _ESCAPES.sub("", told)):
                        return at
            time.sleep(0.005)
        raise TimeoutError(f"{pattern} was never drawn; the last was {_ESCAPES.sub('', told)[-500:]!r}")
