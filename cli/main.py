"""The command line: finds the command, runs it, and turns its end into an exit code."""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from ..engine.errors import BatchtopError, UsageError
from .parser import HOMES, parser
from .say import say
from .streams import secure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0].endswith(".toml"):
        words.insert(0, "run")
    secure()
    if words and words[0][:1] != "-" and words[0] not in HOMES:
        say(_unknown(words[0]), kind="error")
        return UsageError.exit_code
    options = parser().parse_args(words)
    try:
        code = _command(options.command)(options)
        sys.stdout.flush()
    except BatchtopError as error:
        say(str(error), getattr(options, "log_format", "text"), kind="error")
        return error.exit_code
    except (KeyboardInterrupt, BrokenPipeError):  # the latter: whoever read our output has gone
        return _interrupted()
    except Exception as error:  # noqa: BLE001 (a traceback is no message, and 1 would say that items failed)
        return _broken(error, options)
    return code


def _unknown(word: str) -> str:
    """Say what may have been meant by a first word that is neither a command nor a job file."""
    from ..engine.settings import did_you_mean  # only needed to say what is wrong
    from ..engine.text import clean

    meant = did_you_mean(word, filter(None, HOMES))
    return f"'{clean(word, 80)}' is no command, and the name of a job file ends with .toml{meant}"


def _interrupted() -> int:
    from ..engine.ending import EXIT_INTERRUPTED  # not needed for help, which is to be quick

    return EXIT_INTERRUPTED


def _broken(error: Exception, options: Namespace) -> int:
    from .broken import brief, broken

    told = broken(f"internal error: {brief(error)}", error, getattr(options, "db", None))
    say(str(told), getattr(options, "log_format", "text"), kind="error")
    return told.exit_code


def _command(name: str | None) -> Callable[[Namespace], int]:
    module, function = HOMES[name or ""]
    return getattr(import_module(f".{module}", __package__), function)


if __name__ == "__main__":
    sys.exit(main())
