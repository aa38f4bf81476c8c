"""What commands have in common: how one is added, and how its values are read."""

import argparse
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage] (argparse has no public name for it)

    Commands = _SubParsersAction[ArgumentParser]

DEFAULT_DB: Final = Path("batchtop.db")


def add_command(commands: "Commands", name: str, summary: str, *, db: bool = True) -> ArgumentParser:
    """Add a command; what it shares with the top of the line has no default, or that would win over the top's value."""
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    if db:
        command.add_argument(
            "--db", type=Path, default=argparse.SUPPRESS, metavar="PATH", help="the workspace (./batchtop.db)"
        )
    return command


def headless(command: ArgumentParser) -> None:
    """Add what a command takes that runs a job with or without a dashboard."""
    command.add_argument("--no-ui", action="store_true", default=argparse.SUPPRESS, help="no dashboard, for servers")
    looks(command)
    command.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="how progress is written to standard error"
    )


def looks(command: ArgumentParser) -> None:
    """Add what a command takes that opens a dashboard; without a default, as the top of the line has them too."""
    command.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw with ASCII only")
    command.add_argument(
        "--read-only", action="store_true", default=argparse.SUPPRESS, help="a dashboard that changes nothing"
    )


def wishes(command: ArgumentParser) -> None:
    """Add what a command takes that changes the settings of a job file."""
    command.add_argument("--preset", metavar="NAME", help="a preset, or PRESET/PROFILE, instead of the job file's")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, over all others; may be repeated"
    )


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`."""
    allowed = f"from {least}" if most is None else f"from {least} to {most:,}"

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise ArgumentTypeError(f"{text!r} is no whole number {allowed}")
        return int(text)

    return read


def words(text: str) -> list[str]:
    """Return the words of a text, as a shell has them."""
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {str(error)[0].lower()}{str(error)[1:]}") from error


def span(text: str) -> tuple[float, float]:
    """Return the two numbers of `START:LENGTH`."""
    start, _, length = text.partition(":")
    try:
        return float(start), float(length)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not of the form START:LENGTH, as in 10:15") from error
