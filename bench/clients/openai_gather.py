"""What most people write first: AsyncOpenAI, a semaphore, one gather. `openai_gather.py URL ROWS IN_FLIGHT OUT`."""

import asyncio
import json
import sys
from pathlib import Path

from openai import AsyncOpenAI


async def work(url: str, rows: Path, in_flight: int, out: Path) -> None:
    client, places = AsyncOpenAI(base_url=url, api_key="none", max_retries=5), asyncio.Semaphore(in_flight)

    async def ask(row: dict[str, object]) -> dict[str, object]:
        async with places:
            said = [{"role": "user", "content": str(row["text"])}]
            answer = await client.chat.completions.create(model="m", messages=said)  # pyright: ignore[reportArgumentType]
            return {"id": row["id"], "output": answer.choices[0].message.content}

    found = await asyncio.gather(*(ask(json.loads(line)) for line in rows.open()))
    with out.open("w") as file:
        file.writelines(json.dumps(each) + "\n" for each in found)


asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
