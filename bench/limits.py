"""How much of a quota a lane uses over real HTTP and in real time, and how often it is too much, by the server's log.

    python bench/limits.py [--rpm 500] [--tpm 0] [--seconds 150] [--told] [--quick]

The built-in provider runs in a process of its own, enforces the limits with a burst of a second, and states them in its
headers, from which the lane learns them (`--told`: the job gives them). Requests come from more slots than can ever be
busy. What the first seconds cost, in which the lane waits for its first answers and learns how long they are, is
told apart.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import uvloop
from batchtop.engine.clock import LoopClock
from batchtop.engine.item import Item
from batchtop.engine.limits import Lane, Limits
from batchtop.engine.simulator import Arrival, Behaviour, serve
from batchtop.engine.simulator.questions import Chat, Message
from batchtop.engine.simulator.replies import usage_of
from batchtop.engine.tasks import Task, build_task
from batchtop.engine.taskspec import ChatSpec
from batchtop.engine.transports import Transport
from batchtop.engine.transports.aiohttp import AiohttpTransport
from ratios import Row, arguments, keep, row, tell

MODEL = "gpt-4o-mini"
LATENCY_MS = 500
SLOTS = 400
START_S = 5.0


def run_server(ready: Connection, log: Path, rpm: int, tpm: int) -> None:
    behaviour = Behaviour(latency_ms=LATENCY_MS, latency_sigma=0.5, rpm=rpm, tpm=tpm)
    uvloop.run(serve(behaviour, port=0, log=log, on_ready=ready.send))


@contextmanager
def server(log: Path, rpm: int, tpm: int) -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_server, args=(there, log, rpm, tpm), daemon=True)
    process.start()
    yield here.recv()
    process.terminate()
    process.join()


def text_of(number: int) -> str:
    """Return what is asked: between 3 and 80 tokens."""
    return f"{number} " + "word " * (number * 7919 % 60)


async def load(url: str, options: argparse.Namespace) -> None:
    """Ask as much as the lane allows for so long."""
    lane, transport, numbers = Lane("lane", LoopClock()), AiohttpTransport(), count()
    task = build_task(ChatSpec(model=MODEL, base_url=url, prompt="{text}", max_tokens=100), None)
    if options.told:
        lane.configure(Limits(rpm=options.rpm, tpm=options.tpm))
    slots = [asyncio.create_task(ask_for_ever(lane, transport, task, numbers)) for _ in range(SLOTS)]
    await asyncio.sleep(options.seconds)
    for slot in slots:
        slot.cancel()
    await asyncio.gather(*slots, return_exceptions=True)
    await transport.aclose()


async def ask_for_ever(lane: Lane, transport: Transport, task: Task, numbers: Iterator[int]) -> None:
    for number in numbers:
        (call,) = task.plan([Item(number, str(number), {"text": text_of(number)})]).calls
        grant = await lane.admit(call.most)
        response = await transport.send(call.request, timeout_s=60)
        reply = task.read(call, response)
        lane.settle(grant, reply.outcome, headers=response.headers, used=reply.usage if reply.usage.total else None)


def tokens_of(arrival: Arrival) -> int:
    """Return what the server charged for a request, all of which the log has but for spaces at the end."""
    number = int(arrival.subjects[0].split()[0])
    return usage_of(Chat(MODEL, [Message("user", text_of(number))], max_tokens=100), seed=0).total_tokens


def fullest_minute(sent: list[tuple[float, int]]) -> int:
    fullest = inside = first = 0
    for at, amount in sent:
        inside += amount
        while sent[first][0] <= at - 60:
            inside -= sent[first][1]
            first += 1
        fullest = max(fullest, inside)
    return fullest


def report(log: Path, options: argparse.Namespace) -> Iterator[Row]:
    arrivals = sorted(msgspec.json.Decoder(Arrival).decode_lines(log.read_bytes()), key=lambda arrival: arrival.at)
    taken = [arrival for arrival in arrivals if arrival.status != 429]
    minutes = options.seconds / 60
    for name, limit, amount in (("requests", options.rpm, lambda _: 1), ("tokens", options.tpm, tokens_of)):
        if limit:
            sent = [(arrival.at, amount(arrival)) for arrival in taken]
            used, fullest = sum(each for _, each in sent), fullest_minute(sent)
            steady = [(at, each) for at, each in sent if at >= arrivals[0].at + START_S]
            later = 60 * sum(each for _, each in steady[1:]) / (steady[-1][0] - steady[0][0])
            yield row(f"limits: {name}, of the quota used", 100 * used / limit / minutes, "%")
            yield row(f"limits: {name}, after the first {START_S:g} s", 100 * later / limit, "%", note="of the quota")
            yield row(f"limits: {name}, fullest minute", 100 * fullest / limit, "%", note="of the quota")
    refused = len(arrivals) - len(taken)
    yield row("limits: 429s in 1,000", 1000 * refused / len(arrivals), note=f"{refused} of {len(arrivals):,}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rpm", type=int, default=500)
    parser.add_argument("--tpm", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--told", action="store_true")
    options = parser.parse_args()
    options.seconds = 15 if options.quick else options.seconds
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "arrivals.jsonl"
        with server(log, options.rpm, options.tpm) as url:
            uvloop.run(load(url, options))
        rows = tell(report(log, options))
    keep("limits", {"rpm": options.rpm, "tpm": options.tpm, "seconds": options.seconds}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
