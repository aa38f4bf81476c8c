"""The commands for what a job has brought."""

import argparse
from typing import TYPE_CHECKING

from ..engine.outcome import Outcome
from .arguments import add_command, whole

if TYPE_CHECKING:
    from .arguments import Commands


def add_after(commands: "Commands") -> None:
    """Add the commands for what a job has brought."""
    _export(commands)
    _failures(commands)
    _report(commands)
    _rm(commands)


def _export(commands: "Commands") -> None:
    command = add_command(commands, "export", "write the results of a job as JSON lines, CSV, Parquet or NumPy's")
    command.add_argument("job", metavar="JOB")
    command.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="a file, or - for standard output (default)"
    )
    command.add_argument(
        "--format",
        choices=("jsonl", "csv", "parquet", "npz"),
        help="instead of what the file's name ends in (else jsonl)",
    )
    command.add_argument(
        "--order",
        choices=("completed", "input"),
        default="completed",
        help="as completed (default), or as in the input",
    )
    command.add_argument("--with-input", action="store_true", help="with the fields of each item")
    command.add_argument("--failed", action="store_true", help="the failed items instead")


def _failures(commands: "Commands") -> None:
    command = add_command(commands, "failures", "group the failed items of a job by what went wrong")
    command.add_argument("job", metavar="JOB")
    command.add_argument(
        "--kind", choices=[kind.value for kind in Outcome if kind is not Outcome.OK], help="failures of this kind alone"
    )
    command.add_argument(
        "--limit", type=whole(1), default=20, metavar="N", help="groups to show, the largest first (20)"
    )
    command.add_argument("--json", action="store_true", help="as one JSON object")


def _report(commands: "Commands") -> None:
    command = add_command(commands, "report", "sum a job up, over all its runs, with charts")
    command.add_argument("job", metavar="JOB")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object instead")
    form.add_argument("--html", metavar="FILE", help="a page that stands by itself, or - for standard output")
    command.add_argument(
        "--width", type=whole(60, 500), metavar="N", help="of the text, in characters (the terminal's, or 80)"
    )
    command.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw with ASCII only")


def _rm(commands: "Commands") -> None:
    command = add_command(commands, "rm", "remove a job with its items, answers and history; its output file stays")
    command.add_argument("job", metavar="JOB")
    command.add_argument("--yes", action="store_true", help="do not ask")
