"""The cookbook's method: one loop that wakes every millisecond. `one_loop.py URL ROWS IN_FLIGHT OUT`.

It starts a task for each request, counts what a minute has left, and appends each answer to a file as it comes. It
has no bound on what is in flight but its limits; here it is given one, so that all clients do the same work.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

PER_MINUTE = 100_000_000.0


async def work(url: str, rows: Path, in_flight: int, out: Path) -> None:
    lines = rows.open()
    flying = 0
    requests_left, tokens_left, at = PER_MINUTE, PER_MINUTE, time.time()
    retries: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    tasks: set[asyncio.Task[None]] = set()

    async with aiohttp.ClientSession() as session:

        async def ask(row: dict[str, object]) -> None:
            nonlocal flying
            body = {"model": "m", "messages": [{"role": "user", "content": row["text"]}]}
            try:
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    answer = await response.json()
                if "error" in answer:
                    retries.put_nowait(row)
                else:
                    with out.open("a") as file:
                        file.write(json.dumps([body, answer, {"id": row["id"]}]) + "\n")
            finally:
                flying -= 1

        ended = False
        while True:
            row = None
            if not retries.empty():
                row = retries.get_nowait()
            elif not ended and flying < in_flight:
                line = next(lines, None)
                ended = line is None
                row = json.loads(line) if line else None
            now = time.time()
            requests_left = min(requests_left + PER_MINUTE * (now - at) / 60, PER_MINUTE)
            tokens_left = min(tokens_left + PER_MINUTE * (now - at) / 60, PER_MINUTE)
            at = now
            if row is not None and requests_left >= 1 and tokens_left >= len(str(row["text"])) // 4:
                requests_left -= 1
                tokens_left -= len(str(row["text"])) // 4
                flying += 1
                task = asyncio.create_task(ask(row))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            if ended and not flying:
                return
            await asyncio.sleep(0.001)


asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
