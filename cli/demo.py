"""`batchtop demo`: a real job over real texts, against the built-in provider in a process of its own."""

import ast
import io
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from itertools import islice
from pathlib import Path
from typing import Final

from ..engine.errors import OutputError, StoppedError, UsageError
from ..engine.jobfile import load_job
from ..engine.settings import did_you_mean
from .arguments import DEFAULT_DB
from .parser import parser
from .run import adjusted, start
from .say import say
from .scenarios import DEFAULT, SCENARIOS, Scenario
from .simulate import behaviour_of

_SKIPPED: Final = {"site-packages", "test", "tests", "idlelib", "lib2to3"}
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def demo(options: Namespace) -> int:
    """Gather the texts, start the provider and run the job; all of it stays in one folder to look at."""
    if options.list:
        return _list()
    scenario = _scenario(options.scenario)
    switches = _checked(*scenario.provider, *options.provider)
    if options.db != DEFAULT_DB:
        raise UsageError("--db: the demo makes a workspace of its own; --folder says where")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="batchtop-demo-"))
    options.db = folder / "batchtop.db"
    if scenario is not DEFAULT:
        say(f"{scenario.name}: {scenario.summary}", options.log_format)
    say("reading the docstrings of the Python standard library ...", options.log_format)
    try:
        job_file = _prepare(folder, scenario, switches, options)
    except OSError as error:
        raise OutputError(f"{error.filename or folder}: the demo can't be written there ({error.strerror})") from error
    os.environ.update(scenario.environment())  # an engine in a process of its own inherits it
    code = start(options, [adjusted(load_job(job_file), options)])
    say(f"the job file, its answers and its workspace are in {folder}", options.log_format)
    return code


def _checked(*switches: str) -> tuple[str, ...]:
    """Return the provider's options; what is wrong with them is told here, as its own process is not heard."""
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            behaviour_of(parser().parse_args(["simulate", *switches]))
    except SystemExit as left:
        if not left.code:  # it was asked for help
            raise
        why = told.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(f"--provider: {why}; `batchtop simulate --help` lists what it takes") from None
    return switches


def _prepare(folder: Path, scenario: Scenario, switches: Sequence[str], options: Namespace) -> Path:
    """Write the texts, start whoever answers, and return the job file."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_texts(folder / "docstrings.jsonl", options.items or scenario.items, scenario.odd_text)
    base_url = _start_provider(options.db, switches)
    backup_url = _start_provider(options.db, scenario.backup) if scenario.backup else ""
    job_file = folder / "demo.toml"
    job_file.write_text(scenario.job(base_url, backup_url), encoding="utf-8")
    return job_file


def _list() -> int:
    width = max(map(len, SCENARIOS))
    for each in SCENARIOS.values():
        print(f"{each.name:{width}}  {each.summary}")
    return 0


def _scenario(name: str | None) -> Scenario:
    if name is None:
        return DEFAULT
    if name not in SCENARIOS:
        raise UsageError(f"{name!r} is no scenario{did_you_mean(name, SCENARIOS)}")
    return SCENARIOS[name]


def _write_texts(path: Path, items: int | None, odd_text: str) -> None:
    texts = list(islice(_docstrings(), items))
    if odd_text:
        texts[len(texts) // 2] = ("odd", odd_text)
    with path.open("w", encoding="utf-8") as file:
        for name, text in texts:
            file.write(json.dumps({"id": name, "text": text}) + "\n")


def _docstrings() -> Iterator[tuple[str, str]]:
    """Yield each docstring with the dotted name of what it documents; a name is used once."""
    library = Path(sysconfig.get_paths()["stdlib"])
    seen: set[str] = set()
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        if _SKIPPED.isdisjoint(parts):
            for name, text in _documented(path, ".".join(parts)):
                if name not in seen:
                    seen.add(name)
                    yield name, text


def _documented(path: Path, module: str) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # some files of the library are broken on purpose
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            name = module if isinstance(node, ast.Module) else f"{module}:{node.lineno}:{node.name}"
            yield name, text


def _start_provider(workspace: Path, switches: Sequence[str]) -> str:
    """Start the provider, which goes when the engine of the workspace has gone, and return its address."""
    words = [
        sys.executable,
        "-P",
        "-m",
        "batchtop.cli.main",
        "simulate",
        "--port=0",
        *switches,
        f"--while-engine={workspace}",
    ]
    provider = subprocess.Popen(  # noqa: S603 (our own program)
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert provider.stdout is not None  # noqa: S101
    address = provider.stdout.readline().decode().strip()
    if not address:
        raise StoppedError("the built-in provider did not start; try `batchtop simulate`")
    return address
