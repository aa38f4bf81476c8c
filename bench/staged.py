"""A job on its way against a provider of its own, for what is measured around it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store.reader import Reader
from scale_made import write_input
from terminal import PROGRAM

JOB = """\
name = "job"
[input]
path = "in.jsonl"
id = "id"
[task]
type = "{task}"
model = "{model}"
{text} = "{{text}}"
base_url = "{url}"
[settings]
{settings}
"""
MODELS = {"chat": ("gpt-4o-mini", "prompt"), "embeddings": ("text-embedding-3-small", "text")}
"""For each type of task, a model that the built-in provider has, and the key that says what is asked."""


def job_text(url: str, settings: str, task: str = "chat") -> str:
    """Return a job file; tables of its own may follow the settings."""
    model, text = MODELS[task]
    return JOB.format(task=task, model=model, text=text, url=url, settings=settings)


@contextmanager
def running(folder: Path, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ours for so long; it is ended at the end."""
    command = [*PROGRAM, *map(str, words)]
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=none, stdin=none, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def work(folder: Path, rows: int, settings: str, *behaviour: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a job against a provider of its own, in a fresh folder."""
    folder.mkdir()
    write_input(folder / "in.jsonl", rows, shuffled=False)
    with running(folder, "simulate", "--port", "0", *behaviour) as provider:
        assert provider.stdout
        url = provider.stdout.readline().strip()
        (folder / "job.toml").write_text(job_text(url, settings))
        with running(folder, "run", "job.toml", "--no-ui") as engine:
            until(lambda: state(folder) == "running")
            yield engine


def state(folder: Path) -> str:
    with suppress(WorkspaceError), Reader(folder / "batchtop.db") as reader:  # it may be in the making
        job = reader.job("job")
        return job.state if job else ""
    return ""


def until(true: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.time() + within_s
    while not true():
        assert time.time() < deadline, "it never came true"
        time.sleep(0.02)
