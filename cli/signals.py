"""What Ctrl-C and a server's TERM mean while a job runs."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from ..engine.ending import EXIT_INTERRUPTED

ONE_WISH_S: Final = 0.2


def stop_event() -> asyncio.Event:
    """Return an event that the first SIGINT or SIGTERM sets."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


class StopLadder:
    """The first SIGINT or SIGTERM takes the first step, the next one the next; a hang-up is not heard.

    A lost SSH session sends SIGHUP: a headless job goes on. Signals within `ONE_WISH_S` are one wish, as a program such
    as `timeout` signals its child, and then the group that the child is in.
    """

    def __init__(self, steps: Sequence[Callable[[], None]]) -> None:
        self._steps = iter(steps)
        self._last = -math.inf
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._next)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _next(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last < ONE_WISH_S:
            return
        self._last = now
        step = next(self._steps, None)
        if step is not None:
            step()


def leave() -> NoReturn:
    """End this process at once; everything committed stays, and the next run mends the rest."""
    if (terminal := sys.__stderr__) and terminal.isatty():
        terminal.write("\x1b[?25h\n")  # the progress bar hides the cursor
        terminal.flush()
    os._exit(EXIT_INTERRUPTED)
