"""The commands for what a job has brought."""

from typing import TYPE_CHECKING

from .arguments import add_command

if TYPE_CHECKING:
    from .arguments import Commands


def add_after(commands: "Commands") -> None:
    """Add the commands for what a job has brought."""
    _export(commands)


def _export(commands: "Commands") -> None:
    command = add_command(commands, "export", "write the results of a job as JSON lines")
    command.add_argument("job", metavar="JOB")
    command.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="a file, or - for standard output (default)"
    )
    command.add_argument("--failed", action="store_true", help="the failed items instead")
