import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.simulator import Arrival

PROGRAM = """
import asyncio, signal, sys
from pathlib import Path
from batchtop.engine.simulator import Behaviour, serve

async def main():
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    say = lambda url: print(url, flush=True)
    await serve(Behaviour(latency_ms=float(sys.argv[2])), port=0, log=Path(sys.argv[1]), on_ready=say)

def run(runner):
    try:
        runner(main())
    except asyncio.CancelledError:
        print("ended", flush=True)

if sys.argv[3] == "uvloop":
    import uvloop
    run(uvloop.run)
else:
    run(asyncio.run)
"""
BODY = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@contextmanager
def served(log: Path, latency_ms: float, loop: str = "uvloop") -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(log), str(latency_ms), loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline().strip().removesuffix("/v1").rsplit(":", 1)[1])
        finally:
            process.kill()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_it_ends_cleanly_when_cancelled_in_the_middle_of_a_request(tmp_path: Path, loop: str) -> None:
    log = tmp_path / "log"
    with served(log, 60_000, loop) as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        idle_writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle_reader.readuntil(b'"object":"list"')  # so the request before it has arrived as well
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate, timeout=5)
        assert (process.returncode, out, err) == (0, "ended\n", "")
        assert await reader.read() == b""
        writer.close()
        idle_writer.close()
    ended = {each.path: each for each in msgspec.json.Decoder(Arrival).decode_lines(log.read_bytes())}
    assert ended["/v1/models"].status == 200
    assert (ended["/v1/chat/completions"].status, ended["/v1/chat/completions"].subjects) == (0, ("hello",))
