"""`batchtop demo`: a real job over real texts, against the built-in provider in a process of its own."""

import ast
import json
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from ..engine.errors import OutputError, StoppedError
from ..engine.jobfile import load_job
from .run import adjusted, start
from .say import say

_SKIPPED: Final = {"site-packages", "test", "tests", "idlelib", "lib2to3"}
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_JOB: Final = """\
# Every docstring of the installed Python standard library, put to the built-in provider.
name = "docstrings"

[input]
path = "docstrings.jsonl"
id = "id"

[task]
type = "chat"
model = "gpt-4o-mini"
base_url = "{base_url}"
prompt = "Say in one line what {{id}} is for:\\n\\n{{text}}"
max_tokens = 60
price_in = 0.15    # example prices, USD per million tokens: the demo costs nothing
price_out = 0.60

[settings]
preset = "balanced"
concurrency = 8

[output]
path = "answers.jsonl"
"""

_PROVIDER: Final = (
    "--port=0",
    "--latency-ms=320",
    "--latency-sigma=0.35",
    "--error-rate=0.01",
    "--rpm=9600",
    "--tpm=3000000",
)


def demo(options: Namespace) -> int:
    """Gather the texts, start the provider and run the job; all of it stays in one folder to look at."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="batchtop-demo-"))
    options.db = folder / "batchtop.db"
    job_file = folder / "demo.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        say("reading the docstrings of the Python standard library ...", options.log_format)
        _write_texts(folder / "docstrings.jsonl", options.items)
        job_file.write_text(_JOB.format(base_url=_start_provider(options.db)), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename or folder}: the demo can't be written there ({error.strerror})") from error
    code = start(options, adjusted(load_job(job_file), options))
    say(f"the job file, its answers and its workspace are in {folder}", options.log_format)
    return code


def _write_texts(path: Path, items: int | None) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name, text in islice(_docstrings(), items):
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


def _start_provider(workspace: Path) -> str:
    """Start the provider, which goes when the engine of the workspace has gone, and return its address."""
    words = [sys.executable, "-P", "-m", "batchtop.cli.main", "simulate", *_PROVIDER, f"--while-engine={workspace}"]
    provider = subprocess.Popen(  # noqa: S603 (our own program)
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert provider.stdout is not None  # noqa: S101
    address = provider.stdout.readline().decode().strip()
    if not address:
        raise StoppedError("the built-in provider did not start; try `batchtop simulate`")
    return address
