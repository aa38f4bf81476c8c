"""The commands that run jobs, watch them and ask things of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.outcome import Outcome
from .arguments import add_command, headless, looks, wishes

if TYPE_CHECKING:
    from .arguments import Commands


_FAILURES = [outcome.value for outcome in Outcome if outcome not in {Outcome.OK, Outcome.CANCELLED}]


def add_running(commands: "Commands") -> None:
    """Add the commands that run jobs, watch them and ask things of them."""
    for add in (
        _run,
        _retry,
        _attach,
        _views,
        _set,
        _asks,
        _lane,
    ):
        add(commands)


def _run(commands: "Commands") -> None:
    command = add_command(commands, "run", "run jobs, or go on with them where they stopped")
    command.add_argument("job_files", type=Path, nargs="+", metavar="JOB.toml")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="the output file instead of the job file's; - for stdout"
    )
    command.add_argument("--fresh", action="store_true", help="ask everything again, whatever was answered before")
    wishes(command)
    headless(command)


def _retry(commands: "Commands") -> None:
    command = add_command(commands, "retry", "try the failed items of a job again, all or those of one kind")
    command.add_argument("job", metavar="JOB")
    command.add_argument(
        "--kind", action="append", default=[], choices=_FAILURES, help="only what failed in this way; may be repeated"
    )
    headless(command)


def _attach(commands: "Commands") -> None:
    command = add_command(commands, "attach", "open the dashboard on a job that runs, or has run")
    command.add_argument("job", nargs="?", metavar="JOB", help="its name; without one, the list of jobs")
    looks(command)


def _views(commands: "Commands") -> None:
    ps = add_command(commands, "ps", "list the jobs of the workspace")
    ps.add_argument("--json", action="store_true", help="one JSON object a job")
    status = add_command(commands, "status", "show how one job stands")
    status.add_argument("job", metavar="JOB")
    status.add_argument("--json", action="store_true", help="one JSON object")


def _set(commands: "Commands") -> None:
    command = add_command(commands, "set", "change settings of a running job")
    command.add_argument("job", metavar="JOB")
    command.add_argument("values", nargs="+", metavar="KEY=VALUE", help="a setting, or preset=NAME")


def _asks(commands: "Commands") -> None:
    for name, summary in (
        ("pause", "send nothing more until `resume`; what is in flight is answered"),
        ("resume", "go on after `pause`"),
        ("drain", "answer what is in flight, then stop; the job can be run again"),
        ("cancel", "drop what is in flight and stop; the job can be run again"),
        ("retest", "try keys again that the server refused, or that were given up"),
    ):
        add_command(commands, name, summary).add_argument("job", metavar="JOB")


def _lane(commands: "Commands") -> None:
    command = add_command(commands, "lane", "keep a running job from using a key or a provider, or let it again")
    command.add_argument("job", metavar="JOB")
    command.add_argument("lane", metavar="LANE", help="its name, or a part that only it has: the key's variable, say")
    command.add_argument(
        "state", choices=("on", "off"), help="off: what is in flight is answered, nothing more is sent"
    )
