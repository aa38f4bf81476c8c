"""`batchtop web`: serves until interrupted, and says who could come in."""

import asyncio
import os
from argparse import Namespace
from functools import partial

from ...engine.errors import UsageError
from ...tui.themes import BATCHTOP, THEMES, default_theme
from ..habits import habits
from ..opened import opened
from ..say import say
from ..signals import stop_event
from .guard import Guard
from .page import page
from .server import Server, assets
from .visit import program


def web(options: Namespace) -> int:
    """Serve the dashboard to a browser until interrupted; its address goes to standard output."""
    assets()
    liked = habits(options)  # what is wrong with the config file is told here, not to a browser
    if options.job:
        with opened(options.db) as reader:
            reader.known_job(options.job)
    if not options.host.strip():
        raise UsageError("--host: an address is wanted; 0.0.0.0 stands for all that this machine has")
    guard = Guard(options.host)
    server = Server(
        _words(options, read_only=liked.read_only),
        partial(_page, options.job, default_theme(os.environ, liked.theme)),
        guard,
        options.port,
    )
    asyncio.run(_serve(server, guard, read_only=liked.read_only))
    return 0


async def _serve(server: Server, guard: Guard, *, read_only: bool) -> None:
    stopped = stop_event()
    async with server:
        print(server.address, flush=True)
        does = "look on" if read_only else "look on and change jobs"
        say(f"whoever has that address can {does}; Ctrl-C ends it, jobs go on")
        if guard.everywhere:
            say(f"{guard.host} is every address of this machine; put one in where {guard.name} is not known")
        if not guard.loopback:
            say(
                f"{guard.host} can be reached from other machines, and nothing on the way is encrypted; safer is"
                f" --host=127.0.0.1 and, over there, ssh -L {server.port}:127.0.0.1:{server.port} THIS-MACHINE"
            )
        await stopped.wait()


def _words(options: Namespace, *, read_only: bool) -> list[str]:
    """Return the command line of a dashboard; the token is on no command line.

    Whether it only reads is settled when the server starts, whatever becomes of the config file.
    """
    flags = [flag for flag, wanted in (("--ascii", options.ascii), ("--read-only", read_only)) if wanted]
    job = ["--", options.job] if options.job else []
    return program("attach", "--db", str(options.db.absolute()), *flags, *job)


def _page(job: str | None, theme: str, socket: str) -> str:
    colours = next((each for each in THEMES if each.name == theme), BATCHTOP)
    title = f"{job} - batchtop" if job else "batchtop"
    return page(title, socket, colours.background or "", colours.foreground or "")
