"""Runs the dashboard in this terminal, and gives the terminal back however that ends."""

import asyncio
import os
import signal
import sys
from typing import Final

from .app import Dashboard
from .exit import Exit, Left

ENDINGS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
LOOK_S: Final = 1.0


def show(dashboard: Dashboard) -> Exit:
    """Return how the dashboard was left: by the person, by a signal, or with its terminal; raises what broke it."""
    left = asyncio.run(_shown(dashboard))
    if dashboard.failure:
        raise dashboard.failure
    return left or Exit(Left.INTERRUPTED, dashboard.shown)


async def _shown(dashboard: Dashboard) -> Exit | None:
    loop = asyncio.get_running_loop()
    for number in ENDINGS:
        loop.add_signal_handler(number, dashboard.interrupt)
    watching = asyncio.create_task(_terminal_gone(dashboard))
    try:
        return await dashboard.run_async()
    finally:
        watching.cancel()


async def _terminal_gone(dashboard: Dashboard) -> None:
    """Close the dashboard when its terminal dies and nobody sends a hang-up: it would read nothing for ever."""
    terminal = sys.__stdin__.fileno() if sys.__stdin__ else -1
    had_one = os.isatty(terminal)
    while had_one:
        await asyncio.sleep(LOOK_S)
        if not os.isatty(terminal):
            dashboard.interrupt()
            return
