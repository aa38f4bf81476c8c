"""The command line as its users have it: processes of their own, in a folder of their own, in a clean environment."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store.reader import Reader

from .warm import INTERPRETER, Forked, Warm

PROGRAM = (sys.executable, "-P", "-m", "batchtop.cli.main")
LOOK_S = 0.02
PATIENCE_S = 30.0

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LANG": "C.UTF-8",
    # Nothing is asked over TLS here, and to read all the certificates of a system takes longer than most commands.
    "SSL_CERT_FILE": str(Path(__file__).parents[1] / "engine" / "localhost.pem"),
}

JOB = """\
name = "{name}"
[input]
path = "{input}"
id = "id"
[task]
model = "{model}"
base_url = "{url}"
{task}
[settings]
{settings}
[limits]
{limits}
[output]
{output}
"""
CHAT = 'type = "chat"\nprompt = "{text}"'
EMBEDDINGS = 'type = "embeddings"\ntext = "{text}"'
MODELS = {CHAT: "gpt-4o-mini", EMBEDDINGS: "text-embedding-3-small"}
OUT = 'path = "out.jsonl"'


async def until(true: Callable[[], object], what: Callable[[], str] = lambda: "", within_s: float = PATIENCE_S) -> None:
    """Return as soon as something is true; the event loop, and a provider in it, goes on meanwhile.

    `what` is told where it does not come true.
    """
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what()}"
        await asyncio.sleep(LOOK_S)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Process:
    """A command that runs; what it says can be read at any time."""

    def __init__(self, popen: subprocess.Popen[bytes] | Forked, out: Path, err: Path) -> None:
        self.popen = popen
        self._out = out
        self._err = err

    def __str__(self) -> str:
        return f"{self.popen.args} said {self.err!r}"

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    async def says(self, text: str) -> None:
        """Wait until standard error holds `text`."""
        await until(lambda: text in self.err or self.popen.poll() is not None, lambda: f"{text!r} in {self.err!r}")
        assert text in self.err

    async def end(self, within_s: float = PATIENCE_S) -> Ended:
        """Wait until it is over; whatever it did, it did not show a traceback."""
        await until(lambda: self.popen.poll() is not None, lambda: f"its end: {self}", within_s)
        assert "Traceback" not in self.err, self.err
        return Ended(self.popen.returncode, self.out, self.err)


class Shell:
    """Starts commands in one folder, writes their files, and ends what is left of them."""

    def __init__(self, folder: Path, warm: Warm) -> None:
        self.folder = folder
        self._warm = warm
        self.db = folder / "batchtop.db"
        self.logs = folder.with_name(f"{folder.name}-said")
        home = folder / "home"
        self.environment = {**ENVIRONMENT, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        self._started: list[Process] = []
        self.logs.mkdir()
        (folder / "home").mkdir(parents=True)

    def start(self, *words: str | Path, env: Mapping[str, str] | None = None, program: tuple[str, ...] = ()) -> Process:
        """Start a command and return at once; where the test is about how Python starts, say which `program` to run."""
        number = len(self._started)
        out, err = self.logs / f"{number}.out", self.logs / f"{number}.err"
        out.touch()
        err.touch()
        environment = self.environment | dict(env or {})
        told = list(map(str, words))
        if program or any(name.startswith(INTERPRETER) for name in env or ()):
            popen = self._cold([*(program or PROGRAM), *told], environment, out, err)
        else:
            popen = self._warm.start(told, self.folder, environment, out, err)
        self._started.append(Process(popen, out, err))
        return self._started[-1]

    def _cold(self, words: list[str], environment: Mapping[str, str], out: Path, err: Path) -> subprocess.Popen[bytes]:
        with out.open("wb") as out_file, err.open("wb") as err_file:
            return subprocess.Popen(
                words,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
            )

    async def run(
        self, *words: str | Path, env: Mapping[str, str] | None = None, within_s: float = PATIENCE_S
    ) -> Ended:
        """Run a command to its end."""
        return await self.start(*words, env=env).end(within_s)

    async def headless(self, job: str | Path = "job.toml", *words: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run a job in the foreground to its end."""
        return await self.run("run", job, "--no-ui", *words, env=env)

    async def status(self, job: str = "job") -> dict[str, Any]:
        """Return what `status --json` says of a job."""
        ended = await self.run("status", job, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def rows(self, count: int, name: str = "in.jsonl", first: int = 1) -> None:
        """Write an input of `count` rows with the ids from `first` on."""
        numbers = range(first, first + count)
        if name.endswith(".csv"):
            self.write(name, "id,text\n" + "".join(f"{n},item {n}\n" for n in numbers))
        else:
            self.write(name, "".join(f'{{"id": {n}, "text": "item {n}"}}\n' for n in numbers))

    def job(
        self,
        url: str,
        *,
        name: str = "job",
        rows: int = 0,
        task: str = CHAT,
        keys: str = "",
        settings: str = "",
        limits: str = "",
        output: str = OUT,
        source: str = "in.jsonl",
    ) -> Path:
        """Write a job file, and its input where `rows` are wanted."""
        if rows:
            self.rows(rows, source)
        model = MODELS[CHAT if CHAT in task else EMBEDDINGS]
        task = f"{task}\napi_key_env = [{keys}]"
        parts = {"name": name, "input": source, "model": model, "url": url, "task": task}
        return self.write(
            f"{name}.toml", JOB.format_map({**parts, "settings": settings, "limits": limits, "output": output})
        )

    def lines(self, name: str = "out.jsonl") -> list[dict[str, Any]]:
        """Return the lines of a results file."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def ids(self, name: str = "out.jsonl") -> Counter[object]:
        """Return how often each id is in a results file."""
        return Counter(line["id"] for line in self.lines(name))

    def stored_ids(self, job: str = "job") -> Counter[object]:
        """Return how often each id is in the workspace's results."""
        with Reader(self.db) as reader:
            found = reader.job(job)
            assert found is not None
            return Counter(json.loads(line)["id"] for _, line in reader.results.lines(found.id))

    def state(self, job: str = "job") -> str | None:
        """Return a job's state as the workspace has it."""
        with contextlib.suppress(WorkspaceError), Reader(self.db) as reader:  # it may be in the making
            found = reader.job(job)
            return found and found.state.value
        return None

    async def set(self, *values: str, job: str = "job") -> float:
        """Change settings of a running job; returns when the engine did it, in seconds since the epoch."""
        ended = await self.run("set", job, *values)
        assert ended.code == 0, ended.err
        with Reader(self.db) as reader:
            snapshot = reader.snapshot(job)
        assert snapshot is not None
        return snapshot.changes[-1].at

    def end_all(self) -> None:
        """End what still runs: the commands, and what they left behind, which has this folder on its command line."""
        for process in self._started:
            if process.popen.poll() is None:
                process.popen.kill()
            process.popen.wait()
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.folder) in word for word in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def files_holding(self, secret: str) -> Iterator[Path]:
        """Yield the files of the folder, and of what was said, that hold a text."""
        for root in (self.folder, self.logs):
            yield from (path for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes())


def once(count: int, first: int = 1) -> Counter[object]:
    """Return the ids of `Shell.rows`, each once."""
    return Counter(range(first, first + count))
