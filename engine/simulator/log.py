"""What arrived at the simulated provider: the truth that a client's own account is compared with."""

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import OutputError
from ..text import key_tag

_FLUSH_S = 0.1
_LONGEST_SUBJECT = 120


@dataclass(slots=True)
class Arrival:
    """One request, from the moment its headers were read."""

    at: float
    """Seconds since the epoch, to the millisecond."""
    path: str
    key: str
    """The tag of its API key (see `key_tag`), never the key; empty without one."""
    in_flight: int
    """Requests not yet answered when it came, itself included."""
    items: int = 0
    """Inputs, or prompts; 0 when the body was not or could not be read."""
    subjects: tuple[str, ...] = ()
    """What each item says (see `subject`)."""
    status: int = 0
    """The answer's status; 0 when none was sent: the client left, the provider closed, or it broke the connection."""


def subject(text: str) -> str:
    """Return a text that stands for another in the log: itself when short, else its beginning and a hash of it all."""
    if len(text) <= _LONGEST_SUBJECT:
        return text
    return f"{text[: _LONGEST_SUBJECT - 17]}…{blake2b(text.encode(errors='replace'), digest_size=8).hexdigest()}"


class ArrivalLog:
    """Arrivals kept in memory, written to a file as JSON lines once they have ended, or both."""

    def __init__(self, path: Path | None, *, keep: bool) -> None:
        self.arrivals: list[Arrival] = []
        self._keep = keep
        self._open: dict[int, Arrival] = {}
        self._ended: list[Arrival] = []
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Open the file, if there is to be one; what it already holds stays."""
        try:
            self._file = self._path.open("ab") if self._path else None
        except OSError as error:
            raise OutputError(f"simulator: can't write the log {self._path}: {error.strerror}") from error

    def begin(self, *, at: float, path: str, key: str) -> Arrival:
        """Record that a request came."""
        arrival = Arrival(round(at, 3), path, key_tag(key), len(self._open) + 1)
        self._open[id(arrival)] = arrival
        if self._keep:
            self.arrivals.append(arrival)
        return arrival

    def describe(self, arrival: Arrival, subjects: tuple[str, ...]) -> None:
        """Record what a request is about, once its body is there."""
        arrival.items = len(subjects)
        if self._keep or self._file:
            arrival.subjects = tuple(map(subject, subjects))

    def end(self, arrival: Arrival) -> None:
        """Record that a request is over; its line reaches the file within 100 ms."""
        if self._open.pop(id(arrival), None) is None or self._file is None:
            return
        self._ended.append(arrival)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)

    def close(self) -> None:
        """Write what is left, the unanswered requests too, and close the file."""
        for arrival in list(self._open.values()):
            self.end(arrival)
        if self._timer is not None:
            self._timer.cancel()
        if self._file is not None:
            self._flush()
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        self._timer = None
        ended, self._ended = self._ended, []
        if self._file is not None and ended:
            self._file.write(self._encoder.encode_lines(ended))
            self._file.flush()
