"""The program of a worker process: answers calls by a socket, one after the other, and never outlives the engine.

The function runs in the main thread; another one listens, so that the end of the engine is heard at any time.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from socket import socket
from typing import Final

import msgspec

from ...errors import TaskError
from ..transport import TransportError
from .call import Caller
from .function import find_function, mode_of
from .line import BAD, GOOD, Failure, Frame, Setup, receive

GRACE_S: Final = 1.0
"""What is left to a function, and to what it registered with `atexit`, when nobody waits for it any more."""


def main(number: int) -> None:
    """Serve the engine at the other end of a socket, given by its number, until that is closed."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _unheard)
    line = socket(fileno=number)
    line.set_inheritable(False)
    said: SimpleQueue[Frame | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, said), daemon=True).start()
    if setup := said.get():
        _serve(line, said, msgspec.json.decode(setup.body, type=Setup))


def _serve(line: socket, said: SimpleQueue[Frame | None], setup: Setup) -> None:
    sys.path[:] = setup.path
    try:
        function = find_function(setup.task)
        mode_of(setup.task, function)
    except TaskError as error:
        line.sendall(Frame(BAD, str(error).encode(errors="replace")).packed())
        return
    line.sendall(Frame(GOOD).packed())
    caller = Caller(function, setup.task.takes)
    with Path(os.devnull).open("w") as nowhere:
        while call := said.get():
            # A function that never lets another thread run would not hear that the engine has died.
            faulthandler.dump_traceback_later(call.timeout_s + GRACE_S, exit=True, file=nowhere)
            answer = _answer(caller, call.body)
            faulthandler.cancel_dump_traceback_later()
            line.sendall(answer.packed())


def _answer(caller: Caller, body: bytes) -> Frame:
    try:
        return Frame(GOOD, caller.call(body))
    except TransportError as error:
        return Frame(BAD, msgspec.json.encode(Failure(error.outcome, str(error))))


def _listen(line: socket, said: SimpleQueue[Frame | None]) -> None:
    """Hand on what is said; when the engine is gone, end this process and whatever the function has started."""
    try:
        while True:
            said.put(receive(line))
    except OSError:
        said.put(None)
        time.sleep(GRACE_S)
        os.killpg(0, signal.SIGKILL)


def _unheard(*_: object) -> None:
    """Take no notice: the engine decides when a worker ends. What the function starts has none of this."""


if __name__ == "__main__":
    main(int(sys.argv[1]))
