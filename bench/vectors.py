"""Embeddings: texts a second of a whole run over HTTP, what a text costs, and how much of the workspace it takes.

    python bench/vectors.py [--texts 200000] [--dimensions 256] [--in-flight 8] [--quick]

Short texts go 256 a request to a server in a process of its own that has its answers ready; results are durable. The
server writes vectors as base64 or as lists of numbers, and the job has an output file, whose JSON has to be written, or
none. The floors beside each run, of one core by itself: reading such answers, the JSON of lists or base64; and SQLite
with such rows in the workspace's tables.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import sqlite3
import tempfile
import time
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop
from alone import floor_per_s
from batchtop.cli.serve import on_fast_loop
from batchtop.engine.engine import Engine
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.settings import Layer
from batchtop.engine.taskspec import EmbeddingsSpec
from ratios import Row, arguments, figure, keep, row, tell

MARK = b"item:"
PER_REQUEST = 256
FLOOR_ROWS = 40_000
WANTED_PER_S = 150_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Case(NamedTuple):
    """One way to have vectors."""

    name: str
    encoding: str
    vectors: str
    file: bool


CASES = (
    Case("embeddings by base64, no file", "base64", "float32", file=False),
    Case("the same as float16", "base64", "float16", file=False),
    Case("embeddings by lists of numbers, no file", "float", "float32", file=False),
    Case("embeddings by base64, a JSON file", "base64", "float32", file=True),
)


@cache
def entries(dimensions: int, encoding: str) -> list[bytes]:
    """Return what an answer says of each text of a request."""
    luck = random.Random(1)
    vectors = [array("f", (luck.gauss(0, dimensions**-0.5) for _ in range(dimensions))) for _ in range(PER_REQUEST)]
    shown = (b64encode(vector).decode() if encoding == "base64" else digits(vector) for vector in vectors)
    heads = ({"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(shown))
    return [msgspec.json.encode(each) for each in heads]


def digits(vector: "array[float]") -> list[float]:
    """Return numbers with as many digits as a float32 is worth, as servers write them."""
    return [float(f"{number:.8g}") for number in vector]


@cache
def body(dimensions: int, encoding: str, texts: int) -> bytes:
    listed = b",".join(entries(dimensions, encoding)[:texts])
    return b'{"object":"list","data":[%b],"model":"m","usage":{"prompt_tokens":%d}}' % (listed, texts)


class _Answering(asyncio.Protocol):
    dimensions = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, asked = self.received.partition(b"\r\n\r\n")
        if not blank or len(asked) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return
        self.received = b""
        encoding = "base64" if b"encoding_format" in asked else "float"
        answer = body(self.dimensions, encoding, asked.count(MARK))
        self.transport.write(HEAD % len(answer) + answer)


def serve(pipe: Connection, dimensions: int) -> None:
    async def forever() -> None:
        _Answering.dimensions = dimensions
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(forever())


@contextmanager
def provider(dimensions: int) -> Iterator[str]:
    """Run the server for so long; give its URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, dimensions), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{here.recv()}/v1"
    process.terminate()
    process.join()


def write_rows(path: Path, texts: int) -> None:
    with path.open("w") as file:
        for number in range(texts):
            file.write(json.dumps({"id": number, "text": f"item:{number}"}) + "\n")


async def run(folder: Path, url: str, case: Case, options: argparse.Namespace) -> dict[str, float]:
    task = {"encoding": case.encoding, "vectors": case.vectors, "dimensions": options.dimensions}
    spec = JobSpec(
        name="job",
        input=InputSpec(str(folder / "in.jsonl"), id="id"),
        task=EmbeddingsSpec(model="m", text="{text}", base_url=url, **task),
        output=OutputSpec(str(folder / "out.jsonl") if case.file else None),
        layers=(Layer("job file", {"batch_size": PER_REQUEST, "concurrency": options.in_flight}),),
    )
    async with Engine(folder / "batchtop.db", environment={}) as engine:
        runner = await engine.submit(spec)
        while runner.state in {"queued", "loading"}:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        began, cpu = time.perf_counter(), time.process_time()
        end = await engine.wait("job")
        took, used = time.perf_counter() - began, time.process_time() - cpu
    assert end.exit_code == 0, end
    return {"per_s": options.texts / took, "cpu_us": used / options.texts * 1e6, "bytes": stored(folder, options.texts)}


def stored(folder: Path, texts: int) -> float:
    """Return the bytes that an output takes in the workspace."""
    with closing(sqlite3.connect(folder / "batchtop.db")) as db:
        return db.execute("SELECT total(length(output)) FROM results").fetchone()[0] / texts


def measure(case: Case, url: str, options: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        write_rows(Path(name) / "in.jsonl", options.texts)
        return on_fast_loop(run(Path(name), url, case, options))


class _Datum(msgspec.Struct):
    index: int
    embedding: bytes | list[float]


class _Data(msgspec.Struct):
    data: list[_Datum]


def reading_per_s(encoding: str, dimensions: int, rounds: int = 30) -> float:
    """Return how many vectors a second can be read out of such answers, and nothing else done."""
    answer, decode = body(dimensions, encoding, PER_REQUEST), msgspec.json.Decoder(_Data).decode
    return PER_REQUEST / min(timed(lambda: decode(answer)) for _ in range(rounds))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def told(case: Case, found: dict[str, float], reading: float) -> Iterator[Row]:
    """Say what one case came to; the bar is what reading answers takes by itself where that is the slower one."""
    beside = ("reading them alone", reading)
    if case.file or case.vectors == "float16":
        yield row(case.name, found["per_s"], "texts/s", beside=beside)
    elif reading < WANTED_PER_S:
        yield row(case.name, found["per_s"], "texts/s", beside=beside, least=1.0)
    else:
        yield row(case.name, found["per_s"], "texts/s", beside=("the mission's", WANTED_PER_S), least=1.0)
    yield row("  CPU a text", found["cpu_us"], "us", beside=("reading it alone", 1e6 / reading))
    storing = f"SQLite alone, with such rows: {figure(1e6 / found['storing_per_s'], 'us')}"
    yield row("  bytes of a vector in the workspace", found["bytes"], "B", note=storing)


def rows_of(options: argparse.Namespace, found: dict[str, dict[str, float]]) -> Iterator[Row]:
    """Measure case after case, and keep its figures in `found`."""
    with provider(options.dimensions) as url:
        for case in CASES:
            reading = reading_per_s(case.encoding, options.dimensions)
            found[case.name] = {**measure(case, url, options), "reading_per_s": reading}
            with tempfile.TemporaryDirectory() as name:
                output = b"\1" * int(found[case.name]["bytes"])
                found[case.name]["storing_per_s"] = floor_per_s(Path(name), FLOOR_ROWS, 0, output)
            yield from told(case, found[case.name], reading)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--in-flight", type=int, default=8)
    options = parser.parse_args()
    options.texts = 20_000 if options.quick else options.texts
    found: dict[str, dict[str, float]] = {}
    keep("vectors", found, tell(rows_of(options, found)), quick=options.quick)


if __name__ == "__main__":
    main()
