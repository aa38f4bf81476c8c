"""The commands that prepare a job, or stand in for a provider."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .arguments import add_command, headless, span, whole, wishes, words

if TYPE_CHECKING:
    from .arguments import Commands


def add_tools(commands: "Commands") -> None:
    """Add the commands that prepare a job, or stand in for a provider."""
    for add in (
        _plan,
        _presets,
        _doctor,
        _demo,
        _simulate,
    ):
        add(commands)


_SWITCHES: Final[dict[str, tuple[float, str]]] = {
    "latency-ms": (300.0, "median time to an answer (300)"),
    "latency-sigma": (0.4, "spread of the lognormal latency (0.4)"),
    "first-ms": (100.0, "when a streamed answer begins (100)"),
    "item-ms": (2.0, "added for each input of an embeddings request, and for each packed prompt (2)"),
    "batch-s": (5.0, "how long a file of questions takes that is handed in as a batch (5)"),
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
    "expired-rate": (0.0, "share of a batch's questions that are not answered in time (0)"),
    "seed": (0, "decides answers, latencies and faults (0)"),
}
"""Option of `simulate` -> its default, whose type is that of all its values, and its help."""


def _plan(commands: "Commands") -> None:
    command = add_command(commands, "plan", "show what a run would do, cost and take, before any is spent")
    command.add_argument("job_file", type=Path, metavar="JOB.toml")
    command.add_argument("--fresh", action="store_true", help="as if everything were to be asked again")
    command.add_argument("--json", action="store_true", help="as one JSON object")
    wishes(command)


def _presets(commands: "Commands") -> None:
    command = add_command(commands, "presets", "list the presets, or show one", db=False)
    command.add_argument("action", nargs="?", choices=("show",), metavar="show")
    command.add_argument("name", nargs="?", metavar="NAME", help="a preset, or PRESET/PROFILE")
    command.add_argument("--job", type=Path, metavar="JOB.toml", help="show what this job would get, and from where")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, over all others")


def _doctor(commands: "Commands") -> None:
    command = add_command(
        commands, "doctor", "check a job file, and answer one real item, before anything is spent", db=False
    )
    command.add_argument("job_file", type=Path, metavar="JOB.toml")
    wishes(command)


def _demo(commands: "Commands") -> None:
    command = add_command(commands, "demo", "run a real job against the built-in provider; needs no key", db=False)
    command.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="a trouble to watch (default: a job without any)"
    )
    command.add_argument("--list", action="store_true", help="list the scenarios, and run nothing")
    command.add_argument("--items", type=whole(1), metavar="N", help="how many texts (default: as many as fit)")
    command.add_argument("--folder", type=Path, metavar="PATH", help="where the demo's files go (a temporary folder)")
    command.add_argument(
        "--provider",
        type=words,
        default=[],
        metavar="OPTIONS",
        help="options of `simulate` for the provider, over the scenario's: --provider='--rpm=600 --error-rate=0.4'",
    )
    wishes(command)
    headless(command)


def _simulate(commands: "Commands") -> None:
    command = add_command(
        commands, "simulate", "serve the built-in provider, OpenAI-compatible, with limits and faults", db=False
    )
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=whole(0, 65_535), default=8800, help="0 takes a free one (8800)")
    for name, (default, told) in _SWITCHES.items():
        command.add_argument(f"--{name}", type=type(default), default=default, metavar="N", help=told)
    command.add_argument("--quiet", action="store_true", help="limits without headers, and a web page for a 429")
    command.add_argument(
        "--outage", type=span, default=(0, 0), metavar="START:LENGTH", help="seconds from the start with 503s only"
    )
    command.add_argument("--poison", default="", metavar="TEXT", help="a text that gets a whole request refused (400)")
    command.add_argument(
        "--key", action="append", default=[], dest="keys", metavar="KEY", help="a key accepted (default: any)"
    )
    command.add_argument("--revoked", action="append", default=[], metavar="KEY", help="a key refused (401)")
    command.add_argument("--log", type=Path, metavar="FILE", help="write each request as a JSON line")
    command.add_argument("--while-engine", type=Path, help=argparse.SUPPRESS)
