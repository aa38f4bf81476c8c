"""The built-in provider as a program of its own, which writes down what it answered: the truth for a screen.

    python witness.py LOG WELL ILL REQUESTS

It behaves as WELL says, and from SIGUSR1 on as ILL does, for so many requests; both are JSON.
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from batchtop.engine.simulator import Arrival, Behaviour, Simulator


class Witness(Simulator):
    """A provider whose log tells when each answer went, and what it cost."""

    def __init__(self, log: TextIO, well: Behaviour, ill: Behaviour, requests: int) -> None:
        super().__init__(well, keep_arrivals=False)
        self._written, self._well, self._ill = log, well, ill
        self._requests, self._left = requests, 0

    def fall_ill(self) -> None:
        """Answer the next requests as luck wants it."""
        self._left, self.behaviour = self._requests, self._ill

    async def _decided(self, arrival: Arrival, method: str, key: str, body: bytes) -> Any:
        came = time.time()
        decision = await super()._decided(arrival, method, key, body)
        self._left -= 1
        if self._left == 0:
            self.behaviour = self._well
        usage = json.loads(decision.body)["usage"] if decision.status == 200 else {}
        line = {
            "came": came,
            "went": time.time(),
            "key": key,
            "status": decision.status,
            "subjects": decision.subjects,
            "tokens_in": usage.get("prompt_tokens", 0),
            "tokens_out": usage.get("completion_tokens", 0),
        }
        self._written.write(json.dumps(line) + "\n")
        return decision


async def serve(path: Path, well: str, ill: str, requests: str) -> None:
    behaviours = (Behaviour(**json.loads(each)) for each in (well, ill))
    with path.open("a", buffering=1) as log:
        async with Witness(log, *behaviours, int(requests)) as witness:
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, witness.fall_ill)
            sys.stdout.write(f"{witness.base_url}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), *sys.argv[2:]))
