"""The commands about the dashboard itself: how it is liked, and where it is shown."""

from typing import TYPE_CHECKING, Final

from .arguments import add_command, looks, whole

if TYPE_CHECKING:
    from .arguments import Commands

WEB_PORT: Final = 8810


def add_screen(commands: "Commands") -> None:
    """Add the commands about the dashboard itself."""
    _web(commands)
    _config(commands)


def _web(commands: "Commands") -> None:
    command = add_command(commands, "web", "serve the dashboard to a browser on this machine")
    command.add_argument("job", nargs="?", metavar="JOB", help="its name; without one, the list of jobs")
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument(
        "--port", type=whole(0, 65_535), default=WEB_PORT, metavar="N", help=f"0 takes a free one ({WEB_PORT})"
    )
    looks(command)


def _config(commands: "Commands") -> None:
    command = add_command(commands, "config", "show your config file, and what is in force", db=False)
    command.add_argument("--keys", action="store_true", help="list all actions with their keys, ready to paste")
