"""One batch at a provider, looked after until it is over."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec
import openai
from msgspec import Struct
from openai.types import Batch

from ..clock import Clock
from ..outcome import Outcome
from ..store.remote import RemoteBatch
from ..tasks.batch import CANCELLED, EXPIRED, MISSING, NEVER_MADE, PUT_BACK, REFUSED, Line, LineError
from ..text import safe
from .around import Tell
from .transport import Response, TransportError

MOST_POLL_S: Final = 60.0
SLOWER: Final = 1.5
GIVE_UP_S: Final = 26 * 3600.0
"""A batch is over within a day, says who takes it; one that is not, long after that, is given up."""
CANCEL_S: Final = 10.0
"""How long somebody who cancels a job waits for a provider to say that it has heard."""
_CLOCKS_S: Final = 600
"""How far the clocks here and there may differ."""
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_UNKNOWN: Final = (
    "the batch {} is unknown to the provider with this key: it belongs to another key or project, or was deleted "
    "there; set the right key, or run with --fresh to forget it and ask again, which may be billed twice"
)
_PASSING: Final = frozenset({408, 409, 425, 429})


class Following:
    """Waits for one batch; its task ends with a line of JSON for each item, as the files of the provider have them."""

    def __init__(
        self, client: openai.AsyncOpenAI, batch: RemoteBatch, *, poll_s: float, clock: Clock, tell: Tell, failed: str
    ) -> None:
        self.batch = batch
        self._failed = failed
        """Why nobody knows whether it was made; nothing for a batch that is, or is of an earlier run."""
        self._client = client
        self._poll_s = poll_s
        self._clock = clock
        self._tell = tell
        self._status = ""
        self._task = self._started()

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.batch.name

    @property
    def task(self) -> asyncio.Task[dict[str, bytes]]:
        """The wait; begun again where it failed. It raises openai's errors of a refusal, and TransportError."""
        if self._task.done() and (self._task.cancelled() or self._task.exception()):
            self._task = self._started()
        return self._task

    @property
    def waits(self) -> bool:
        """Whether it is not over, as far as is known."""
        return not self._task.done()

    async def stop(self) -> None:
        """Wait no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def cancel(self) -> tuple[str, str]:
        """Have the provider end it, and return what came of that, to be told."""
        await self.stop()
        if not self.batch.id:
            return f"{self.name} goes on at the provider if it was made: the next run finds out", "warn"
        try:
            await self._client.batches.cancel(self.batch.id, timeout=CANCEL_S)
        except openai.OpenAIError as error:
            why = safe(str(error), ())
            return f"{self.name} could not be cancelled at the provider, where it goes on: {why}", "warn"
        return f"{self.name} is cancelled at the provider; what it has answered by then, the next run collects", "warn"

    def _started(self) -> asyncio.Task[dict[str, bytes]]:
        task = asyncio.create_task(self._wait())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask for it
        return task

    async def _wait(self) -> dict[str, bytes]:
        pause_s = self._poll_s
        while self._clock.wall() - self.batch.at < GIVE_UP_S:
            try:
                if (found := await self._found()) is None:
                    return self._each(NEVER_MADE if self._failed else PUT_BACK, f"no batch was made: {self._failed}")
                self._look_at(found)
                if found.status in _OVER:
                    return await self._lines(found)
            except openai.APIStatusError as error:
                if error.status_code < 500 and error.status_code not in _PASSING:
                    raise
            except openai.APIConnectionError:
                pass  # it goes on meanwhile
            await self._clock.sleep(pause_s)
            pause_s = min(MOST_POLL_S, pause_s * SLOWER)
        return self._each(EXPIRED, f"{self.name} is not over after {GIVE_UP_S / 3600:g} hours")

    async def _found(self) -> Batch | None:
        """Return the batch as it stands; where nobody knows whether it was made, look for its tag among the latest."""
        if self.batch.id:
            return await self._known()
        await self._clock.sleep(self._poll_s)
        async for each in self._client.batches.list(limit=100):
            if (each.metadata or {}).get("batchtop") == self.batch.tag:
                self.batch = self.batch._replace(id=each.id)
                return each
            if each.created_at < self.batch.at - _CLOCKS_S:
                break
        return None

    async def _known(self) -> Batch:
        """Return the batch as it stands; raises TransportError where the provider knows none of this id."""
        try:
            return await self._client.batches.retrieve(self.batch.id)
        except openai.NotFoundError:
            raise TransportError(Outcome.AUTH, _UNKNOWN.format(self.batch.id)) from None

    def _look_at(self, found: Batch) -> None:
        if found.status != self._status:
            self._status = found.status
            counts = found.request_counts
            told = f": {counts.completed:,} of {counts.total:,} answered" if counts and counts.total else ""
            self._tell(f"{found.id} is {found.status.replace('_', ' ')}{told}", "info")

    async def _lines(self, found: Batch) -> dict[str, bytes]:
        if found.status == "failed":
            return self._refused(found)
        lines: dict[str, bytes] = {}
        for file in filter(None, (found.output_file_id, found.error_file_id)):
            try:
                content = await self._client.files.content(file)
            except openai.NotFoundError:
                self._tell(f"{found.id}: its answers are gone at the provider, and are asked for again", "warn")
                continue
            lines |= await asyncio.to_thread(_by_id, content.content, self._void)
        return self._each(*self._unanswered(found)) | lines

    @property
    def _void(self) -> str:
        """The code of errors that are none: who cancels a batch means to ask again."""
        return CANCELLED if self.batch.cancelled else ""

    def _unanswered(self, found: Batch) -> tuple[str, str]:
        """Return what is said of lines that stand in no file."""
        if found.status == "expired":
            return EXPIRED, f"{found.id} expired before this was answered"
        if found.status == "cancelled" and not self.batch.cancelled:
            return CANCELLED, f"{found.id} was cancelled at the provider"
        return PUT_BACK if self.batch.cancelled else MISSING, f"{found.id} has no answer to this"

    def _refused(self, found: Batch) -> dict[str, bytes]:
        """Return what is said of a batch that was not begun: of its lines, where some are the matter, or of all."""
        errors = (found.errors.data if found.errors else None) or []
        of_lines = {error.line: error for error in errors if error.line}
        if not of_lines:
            code, message = (errors[0].code, errors[0].message) if errors else (None, None)
            told = f"{found.id} was refused: {message or code or 'nobody says why'}"
            return self._each(code if code == "token_limit_exceeded" else REFUSED, told)
        lines = self._each(PUT_BACK, f"{found.id} was refused for other lines")
        for number, name in enumerate(self.batch.digests if self.batch.whole else (), 1):
            if error := of_lines.get(number):
                lines |= _each((name,), error.code or "invalid_request", error.message or "the line was refused")
        return lines

    def _each(self, code: str, message: str) -> dict[str, bytes]:
        return _each(self.batch.digests, code, message)


def refused(error: openai.APIStatusError) -> Response:
    """Return the response that an error tells of."""
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    return Response(error.status_code, headers, error.response.content)


class _Named(Struct):
    custom_id: str
    error: LineError | None = None


def _by_id(content: bytes, void: str) -> dict[str, bytes]:
    """Return the lines of a file by their items, without those of an error that is void."""
    named: dict[str, bytes] = {}
    for raw in content.split(b"\n"):
        with suppress(ValueError, RecursionError):  # then what it should have answered has no answer
            line = _decode_named(raw)
            if line.error is None or not void or line.error.code != void:
                named[line.custom_id] = raw
    return named


_decode_named = msgspec.json.Decoder(_Named).decode


def line_name(line: bytes) -> str:
    """Return what the item of a line is known by."""
    return _decode_named(line).custom_id


def _each(names: Iterable[str], code: str, message: str) -> dict[str, bytes]:
    error = LineError(code, message)
    return {name: msgspec.json.encode(Line(name, None, error)) for name in names}
