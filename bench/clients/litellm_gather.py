"""litellm's acompletion behind a semaphore. `litellm_gather.py URL ROWS IN_FLIGHT OUT`; needs litellm."""

import asyncio
import json
import sys
from pathlib import Path

from litellm import acompletion  # pyright: ignore[reportMissingImports, reportUnknownVariableType]


async def work(url: str, rows: Path, in_flight: int, out: Path) -> None:
    places = asyncio.Semaphore(in_flight)

    async def ask(row: dict[str, object]) -> dict[str, object]:
        async with places:
            said = [{"role": "user", "content": row["text"]}]
            answer = await acompletion(model="openai/m", base_url=url, api_key="none", messages=said)
            return {"id": row["id"], "output": answer.choices[0].message.content}

    found = await asyncio.gather(*(ask(json.loads(line)) for line in rows.open()))
    with out.open("w") as file:
        file.writelines(json.dumps(each) + "\n" for each in found)


asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
