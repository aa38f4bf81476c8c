"""The command line: finds the command, runs it, and turns its end into an exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from ..engine.errors import BatchtopError
from .parser import HOMES, parser
from .say import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0].endswith(".toml"):
        words.insert(0, "run")
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # a terminal without our signs is no reason to fail
    options = parser().parse_args(words)
    try:
        return _command(options.command)(options)
    except BatchtopError as error:
        say(str(error), getattr(options, "log_format", "text"), kind="error")
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # Whoever read our output has gone; flushing what is left of it at exit would fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _interrupted()


def _interrupted() -> int:
    from ..engine.ending import EXIT_INTERRUPTED  # not needed for help, which is to be quick

    return EXIT_INTERRUPTED


def _command(name: str | None) -> Callable[[Namespace], int]:
    module, function = HOMES[name or ""]
    return getattr(import_module(f".{module}", __package__), function)


if __name__ == "__main__":
    sys.exit(main())
