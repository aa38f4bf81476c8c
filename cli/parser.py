"""What each command is called, what it takes, and where it lives."""

import argparse
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

    Commands = _SubParsersAction[ArgumentParser]

DEFAULT_DB: Final = Path("batchtop.db")

HOMES: Final[dict[str, tuple[str, str]]] = {
    "": ("run", "home"),
    "run": ("run", "run"),
    "attach": ("run", "attach"),
    "ps": ("look", "ps"),
    "status": ("look", "status"),
    "set": ("ask", "change"),
    "pause": ("ask", "ask"),
    "resume": ("ask", "ask"),
    "drain": ("ask", "ask"),
    "cancel": ("ask", "ask"),
    "retest": ("ask", "ask"),
    "export": ("export", "export"),
    "presets": ("presets", "presets"),
    "doctor": ("doctor", "doctor"),
    "demo": ("demo", "demo"),
    "simulate": ("simulate", "simulate"),
}
"""Command -> module of this package and function in it."""

_EPILOG = """\
`batchtop JOB.toml` is short for `batchtop run JOB.toml`; `batchtop` alone opens the dashboard on ./batchtop.db.

exit codes:
  0  all items done                3    stopped by a gate, a breaker or a budget
  1  some items failed             4    no usable key, or the server refused it
  2  bad usage or job file         130  interrupted; run the job again to continue"""


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
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for add in (_run, _attach, _views, _set, _asks, _export, _presets, _doctor, _demo, _simulate):
        add(commands)
    return top


def _add(commands: "Commands", name: str, summary: str, *, db: bool = True) -> ArgumentParser:
    """Add a command; what it shares with the top of the line has no default, or that would win over the top's value."""
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    if db:
        command.add_argument(
            "--db", type=Path, default=argparse.SUPPRESS, metavar="PATH", help="the workspace (./batchtop.db)"
        )
    return command


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`."""
    allowed = f"from {least}" if most is None else f"from {least} to {most:,}"

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise ArgumentTypeError(f"{text!r} is no whole number {allowed}")
        return int(text)

    return read


def _headless(command: ArgumentParser) -> None:
    command.add_argument("--no-ui", action="store_true", default=argparse.SUPPRESS, help="no dashboard, for servers")
    command.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw with ASCII only")
    command.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="how progress is written to standard error"
    )


def _wishes(command: ArgumentParser) -> None:
    command.add_argument("--preset", metavar="NAME", help="a preset, or PRESET/PROFILE, instead of the job file's")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, over all others; may be repeated"
    )


def _run(commands: "Commands") -> None:
    command = _add(commands, "run", "run a job, or go on with it where it stopped")
    command.add_argument("job_file", type=Path, metavar="JOB.toml")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="the output file instead of the job file's; - for stdout"
    )
    _wishes(command)
    _headless(command)


def _attach(commands: "Commands") -> None:
    command = _add(commands, "attach", "open the dashboard on a job that runs, or has run")
    command.add_argument("job", nargs="?", metavar="JOB", help="its name; without one, the list of jobs")
    command.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw with ASCII only")


def _views(commands: "Commands") -> None:
    ps = _add(commands, "ps", "list the jobs of the workspace")
    ps.add_argument("--json", action="store_true", help="one JSON object a job")
    status = _add(commands, "status", "show how one job stands")
    status.add_argument("job", metavar="JOB")
    status.add_argument("--json", action="store_true", help="one JSON object")


def _set(commands: "Commands") -> None:
    command = _add(commands, "set", "change settings of a running job")
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
        _add(commands, name, summary).add_argument("job", metavar="JOB")


def _export(commands: "Commands") -> None:
    command = _add(commands, "export", "write the results of a job as JSON lines")
    command.add_argument("job", metavar="JOB")
    command.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="a file, or - for standard output (default)"
    )
    command.add_argument("--failed", action="store_true", help="the failed items instead")


def _presets(commands: "Commands") -> None:
    command = _add(commands, "presets", "list the presets, or show one", db=False)
    command.add_argument("action", nargs="?", choices=("show",), metavar="show")
    command.add_argument("name", nargs="?", metavar="NAME", help="a preset, or PRESET/PROFILE")
    command.add_argument("--job", type=Path, metavar="JOB.toml", help="show what this job would get, and from where")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, over all others")


def _doctor(commands: "Commands") -> None:
    command = _add(commands, "doctor", "check a job file, and answer one real item, before anything is spent", db=False)
    command.add_argument("job_file", type=Path, metavar="JOB.toml")
    _wishes(command)


def _demo(commands: "Commands") -> None:
    command = _add(commands, "demo", "run a real job against the built-in provider; needs no key", db=False)
    command.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="a trouble to watch (default: a job without any)"
    )
    command.add_argument("--list", action="store_true", help="list the scenarios, and run nothing")
    command.add_argument("--items", type=_whole(1), metavar="N", help="how many texts (default: as many as fit)")
    command.add_argument("--folder", type=Path, metavar="PATH", help="where the demo's files go (a temporary folder)")
    command.add_argument(
        "--provider",
        type=_words,
        default=[],
        metavar="OPTIONS",
        help="options of `simulate` for the provider, over the scenario's: --provider='--rpm=600 --error-rate=0.4'",
    )
    _wishes(command)
    _headless(command)


def _words(text: str) -> list[str]:
    """Return the words of a text, as a shell has them."""
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {str(error)[0].lower()}{str(error)[1:]}") from error


_SWITCHES: Final[dict[str, tuple[float, str]]] = {
    "latency-ms": (300.0, "median time to an answer (300)"),
    "latency-sigma": (0.4, "spread of the lognormal latency (0.4)"),
    "item-ms": (2.0, "added for each input of an embeddings request, and for each packed prompt (2)"),
    "rpm": (0, "requests a minute and key (0: no limit)"),
    "tpm": (0, "tokens a minute and key (0: no limit)"),
    "tpm-in": (0, "tokens of prompts a minute and key, in Anthropic's headers (0: no limit)"),
    "tpm-out": (0, "tokens of answers a minute and key, in Anthropic's headers (0: no limit)"),
    "rpd": (0, "requests a day and key (0: no limit)"),
    "parallel": (0, "requests of a key in flight (0: no limit)"),
    "retry-after-s": (0.0, "what a 429 says in Retry-After (0: the truth)"),
    "error-rate": (0.0, "share of requests that end in a 500 or 503 (0)"),
    "drop-rate": (0.0, "share whose connection is broken (0)"),
    "malformed-rate": (0.0, "share answered with half of the JSON (0)"),
    "short-rate": (0.0, "share answered with the last answer missing (0)"),
    "limited-rate": (0.0, "share refused with a bare 429 though within the limits (0)"),
    "cut-rate": (0.0, "share of chat answers that stop half-way, for their length (0)"),
    "seed": (0, "decides answers, latencies and faults (0)"),
}
"""Option of `simulate` -> its default, whose type is that of all its values, and its help."""


def _simulate(commands: "Commands") -> None:
    command = _add(
        commands, "simulate", "serve the built-in provider, OpenAI-compatible, with limits and faults", db=False
    )
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=_whole(0, 65_535), default=8800, help="0 takes a free one (8800)")
    for name, (default, told) in _SWITCHES.items():
        command.add_argument(f"--{name}", type=type(default), default=default, metavar="N", help=told)
    command.add_argument("--quiet", action="store_true", help="limits without headers, and a web page for a 429")
    command.add_argument(
        "--outage", type=_span, default=(0, 0), metavar="START:LENGTH", help="seconds from the start with 503s only"
    )
    command.add_argument("--poison", default="", metavar="TEXT", help="a text that gets a whole request refused (400)")
    command.add_argument(
        "--key", action="append", default=[], dest="keys", metavar="KEY", help="a key accepted (default: any)"
    )
    command.add_argument("--revoked", action="append", default=[], metavar="KEY", help="a key refused (401)")
    command.add_argument("--log", type=Path, metavar="FILE", help="write each request as a JSON line")
    command.add_argument("--while-engine", type=Path, help=argparse.SUPPRESS)


def _span(text: str) -> tuple[float, float]:
    """Return the two numbers of `START:LENGTH`."""
    start, _, length = text.partition(":")
    try:
        return float(start), float(length)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not of the form START:LENGTH, as in 10:15") from error
