"""The simulated provider's batch API: files of questions, answered some time after they were handed in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from .behaviour import Behaviour
from .refusal import RefusedError, bad_request

BATCHES_PATH: Final = "/v1/batches"
FILES_PATH: Final = "/v1/files"


class Asked(Struct):
    """A line of a file of questions."""

    custom_id: str
    url: str = ""
    body: Raw = Raw(b"null")
    method: str = "POST"


class Answered(NamedTuple):
    """What a question came to."""

    status: int
    body: bytes


class _Wanted(Struct):
    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: dict[str, str] | None = None


@dataclass(slots=True)
class Batch:
    """One batch, from its beginning to its end."""

    id: str
    wanted: _Wanted
    lines: list[Asked]
    began: float
    """Monotonic seconds."""
    wall: float
    status: str = "in_progress"
    errors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    output: str | None = None
    error: str | None = None
    completed: int = 0
    failed: int = 0

    def shown(self) -> dict[str, Any]:
        """Return it in the shape of OpenAI's API."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.wanted.endpoint,
            "input_file_id": self.wanted.input_file_id,
            "completion_window": self.wanted.completion_window,
            "metadata": self.wanted.metadata,
            "created_at": int(self.wall),
            "status": self.status,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "output_file_id": self.output,
            "error_file_id": self.error,
            "request_counts": {"total": len(self.lines), "completed": self.completed, "failed": self.failed},
        }


class Batches:
    """Files and batches; `answer` is what a question gets that is asked by itself."""

    def __init__(self, answer: Callable[[Asked], Answered]) -> None:
        self.all: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self._answer = answer
        self._numbers = count(1)

    def upload(self, content: bytes, wall: float) -> bytes:
        """Keep a file, and return what is answered."""
        name = self._kept(content)
        about = {"id": name, "object": "file", "bytes": len(content), "created_at": int(wall), "purpose": "batch"}
        return msgspec.json.encode({**about, "filename": f"{name}.jsonl", "status": "processed"})

    def reply(self, method: str, path: str, body: bytes, *, of: Behaviour, now: float, wall: float) -> bytes:
        """Return what is answered to all else; raises RefusedError."""
        match method, path.removeprefix("/v1/").split("/"):
            case "GET", ["files", name, "content"] if name in self.files:
                return self.files[name]
            case "POST", ["batches"]:
                return msgspec.json.encode(self._create(body, now, wall).shown())
            case "GET", ["batches"]:
                latest = [self._seen(each, of, now).shown() for each in reversed(self.all.values())]
                return msgspec.json.encode({"object": "list", "data": latest, "has_more": False})
            case "GET", ["batches", name] if name in self.all:
                return msgspec.json.encode(self._seen(self.all[name], of, now).shown())
            case "POST", ["batches", name, "cancel"] if name in self.all:
                return msgspec.json.encode(self._cancelled(self._seen(self.all[name], of, now)).shown())
            case _:
                raise RefusedError(404, f"There is nothing at {method} {path}.", code="not_found")

    def _create(self, body: bytes, now: float, wall: float) -> Batch:
        try:
            wanted = _decode_wanted(body)
        except ValueError as error:
            raise bad_request(f"The body does not fit {BATCHES_PATH}: {error}.") from error
        if wanted.input_file_id not in self.files:
            raise bad_request("There is no such file.", param="input_file_id")
        batch = Batch(f"batch_{next(self._numbers):08x}", wanted, [], now, wall)
        self.all[batch.id] = batch
        for number, line in enumerate(self.files[wanted.input_file_id].splitlines(), 1):
            try:
                batch.lines.append(_decode_asked(line))
            except ValueError as error:
                batch.errors.append({"code": "invalid_json_line", "line": number, "message": f"{error}", "param": None})
        if batch.errors:
            batch.status = "failed"
        return batch

    def _seen(self, batch: Batch, of: Behaviour, now: float) -> Batch:
        """Return a batch as it stands now; what its time has come for is answered."""
        if batch.status == "in_progress" and now - batch.began >= of.batch_s:
            kept = round(len(batch.lines) * (1 - of.expired_rate))
            self._end(batch, batch.lines[:kept], "batch_expired")
            batch.status = "expired" if kept < len(batch.lines) else "completed"
        return batch

    def _cancelled(self, batch: Batch) -> Batch:
        """End a batch; half of it was answered."""
        if batch.status == "in_progress":
            self._end(batch, batch.lines[: len(batch.lines) // 2], "batch_cancelled")
            batch.status = "cancelled"
        return batch

    def _end(self, batch: Batch, answered: list[Asked], why: str) -> None:
        good, bad = list[bytes](), list[bytes]()
        for line in answered:
            got = self._answer(line)
            response = {"status_code": got.status, "request_id": "", "body": Raw(got.body)}
            shown = msgspec.json.encode({"id": "", "custom_id": line.custom_id, "response": response, "error": None})
            (good if got.status == 200 else bad).append(shown)
        bad += _without_answer(batch.lines[len(answered) :], why)
        batch.completed, batch.failed = len(good), len(bad)
        batch.output, batch.error = (self._kept(b"\n".join(each)) if each else None for each in (good, bad))

    def _kept(self, content: bytes) -> str:
        name = f"file-{next(self._numbers):08x}"
        self.files[name] = content
        return name


def _without_answer(lines: list[Asked], why: str) -> Iterator[bytes]:
    for line in lines:
        error = {"code": why, "message": f"This request was not executed: {why.replace('_', ' ')}."}
        yield msgspec.json.encode({"id": "", "custom_id": line.custom_id, "response": None, "error": error})


_decode_wanted = msgspec.json.Decoder(_Wanted).decode
_decode_asked = msgspec.json.Decoder(Asked).decode
