"""What each command is called, what it takes, and where it lives."""

import argparse
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib.metadata import version
from pathlib import Path
from typing import Final

from .arguments import DEFAULT_DB
from .parser_after import add_after
from .parser_jobs import add_running
from .parser_screen import add_screen
from .parser_tools import add_tools

HOMES: Final[dict[str, tuple[str, str]]] = {
    "": ("run", "home"),
    "run": ("run", "run"),
    "retry": ("retry", "retry"),
    "attach": ("run", "attach"),
    "ps": ("look", "ps"),
    "status": ("look", "status"),
    "set": ("ask", "change"),
    "pause": ("ask", "ask"),
    "resume": ("ask", "ask"),
    "drain": ("ask", "ask"),
    "cancel": ("ask", "ask"),
    "retest": ("ask", "ask"),
    "lane": ("ask", "lane"),
    "export": ("export.command", "export"),
    "failures": ("failures", "failures"),
    "report": ("report.command", "report"),
    "rm": ("remove", "rm"),
    "plan": ("plan.command", "plan"),
    "presets": ("presets", "presets"),
    "config": ("habits", "config"),
    "doctor": ("doctor", "doctor"),
    "web": ("web.command", "web"),
    "demo": ("demo", "demo"),
    "simulate": ("simulate", "simulate"),
}
"""Command -> module of this package and function in it."""

_EPILOG = """\
`batchtop JOB.toml` is short for `batchtop run JOB.toml`; `batchtop` alone opens the dashboard on ./batchtop.db.

exit codes:
  0  all items done                3    stopped by a gate, a breaker or a budget
  1  some items failed             4    no usable key, or the server refused it
  2  bad usage or job file         70   a mistake in batchtop itself
                                   130  interrupted; run the job again to continue"""


def parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    top = ArgumentParser(
        prog="batchtop",
        description="htop for batch API jobs: run them, watch them, tune them while they run.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"batchtop {version('batchtop')}")
    top.add_argument("--db", type=Path, default=DEFAULT_DB, metavar="PATH", help="the workspace (./batchtop.db)")
    top.add_argument(
        "--no-ui", action="store_true", help="an engine without a dashboard: runs what comes, waits for more"
    )
    top.add_argument("--until-idle", action="store_true", help=argparse.SUPPRESS)
    top.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    top.add_argument("--read-only", action="store_true", help="a dashboard that changes nothing")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for add in (add_running, add_after, add_screen, add_tools):
        add(commands)
    return top
