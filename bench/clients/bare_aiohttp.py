"""The floor: workers over one list, one aiohttp session, nothing written. `bare_aiohttp.py URL ROWS IN_FLIGHT`."""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp


async def work(url: str, rows: Path, in_flight: int) -> None:
    texts = iter([json.loads(line)["text"] for line in rows.open()])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask() -> None:
            for text in texts:
                body = {"model": "m", "messages": [{"role": "user", "content": text}]}
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    (await response.json())["choices"][0]["message"]["content"]

        await asyncio.gather(*(ask() for _ in range(in_flight)))


asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
