"""A provider's batch API: files of questions go there, and are answered within a day, whoever waits for them.

What is at the provider is written down before it goes. So a run that comes after this one, however this one ended, asks
nothing again that is there already: it waits for those batches as if they were its own.
"""

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import uuid4

import openai

from ..outcome import Outcome
from ..store.remote import RemoteBatch, RemoteBatches
from ..tasks.batch import ENDPOINTS
from ..taskspec import OpenAIBatchSpec
from ..text import plural, safe
from .around import Around, Tell
from .following import Following, line_name, refused
from .transport import Request, Response, TransportError

UPLOAD_S: Final = 600.0
_FROM_THE_MIDDLE: Final = 500
"""From this status on it may be a gateway that speaks, and the provider may have done what it was asked to."""


class BatchTransport:
    """Answers a call when the provider has answered every line of it, in this run or a later one."""

    def __init__(self, spec: OpenAIBatchSpec, around: Around) -> None:
        self._spec = spec
        self._around = around
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        self._opening = asyncio.Lock()
        self._opened = False
        self._followed: dict[str, Following] = {}
        """Each batch whose answers are not all collected, by its tag."""
        self._where: dict[str, str] = {}
        """The tag of the batch that an item is in."""
        self._left = asyncio.Event()

    @property
    def connections(self) -> int:
        """Nobody counts them: between two looks at a batch there is none."""
        return 0

    def begin(self, job: int, tell: Tell) -> None:
        """Work for a job from now on."""
        self._store = RemoteBatches(self._around.writer, job)
        self._tell = tell

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 (the provider has a day)
        """Return a line for each line of the request; raises TransportError.

        Only what is in no batch yet becomes a new one.
        """
        client = self._client(request)
        await self._open(client)
        lines = {line_name(line): line for line in request.body.split(b"\n")}
        try:
            if fresh := {name: line for name, line in lines.items() if name not in self._where}:
                await self._upload(client, fresh)
                if self._left.is_set():  # meanwhile
                    self._say_what_goes_on({self._followed[self._where[name]] for name in fresh})
            return Response(200, {}, b"\n".join(await self._answers(lines)))
        except openai.APIStatusError as error:
            return refused(error)
        except openai.APITimeoutError:
            raise TransportError(Outcome.TIMEOUT, f"{self._spec.base_url} did not answer in time") from None
        except openai.OpenAIError as error:
            raise TransportError(Outcome.CONNECTION, f"{self._spec.base_url}: {error}") from None

    def let_go(self) -> None:
        """Wait no more; the batches go on."""
        if self._left.is_set():
            return
        self._left.set()
        self._say_what_goes_on(self._followed.values())

    async def cancel(self) -> None:
        """Have the provider end what it has; what is answered by then, a later run collects."""
        self._left.set()
        every = list(self._followed.values())
        for each in every:
            await self._store.cancelled(each.batch.tag)
        for told in await asyncio.gather(*(each.cancel() for each in every)):
            self._tell(*told)

    async def aclose(self) -> None:
        """Wait no more, and close the connections."""
        self._left.set()
        for each in self._followed.values():
            await each.stop()
        for client in self._clients.values():
            await client.close()

    # ── inside ──

    def _say_what_goes_on(self, followed: Iterable[Following]) -> None:
        for each in followed:
            if each.waits:
                self._tell(f"{each.name} goes on at the provider; run the job again to collect its answers", "warn")

    def _client(self, request: Request) -> openai.AsyncOpenAI:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key not in self._clients:
            try:
                self._clients[key] = openai.AsyncOpenAI(
                    base_url=self._spec.base_url, api_key=key or "none", organization="", max_retries=0, timeout=60
                )
            except (OSError, ImportError, ValueError):  # its text may hold a proxy's password
                told = "no client can be made: is a proxy or a certificate in the environment wrong?"
                raise TransportError(Outcome.CONNECTION, f"{self._spec.base_url}: {told}") from None
        return self._clients[key]

    async def _open(self, client: openai.AsyncOpenAI) -> None:
        """Find what earlier runs have left at the provider."""
        async with self._opening:
            for batch in () if self._opened else await self._store.all():
                following = self._follow(client, batch)
                number, are = plural(len(batch.digests), "item"), "is" if len(batch.digests) == 1 else "are"
                self._tell(f"{number} {are} in {following.name} already: waiting for that", "info")
            self._opened = True

    def _follow(self, client: openai.AsyncOpenAI, batch: RemoteBatch, failed: str = "") -> Following:
        poll_s, clock = self._spec.poll, self._around.clock
        following = Following(client, batch, poll_s=poll_s, clock=clock, tell=self._tell, failed=failed)
        self._followed[batch.tag] = following
        self._where |= dict.fromkeys(batch.digests, batch.tag)
        return following

    async def _upload(self, client: openai.AsyncOpenAI, lines: dict[str, bytes]) -> None:
        """Have a batch made of these lines; raises openai's errors where there is certainly none."""
        tag = uuid4().hex
        batch = RemoteBatch(tag, "", self._around.clock.wall(), tuple(lines))
        file = (f"batchtop-{tag}.jsonl", b"\n".join(lines.values()) + b"\n")
        uploaded = await client.files.create(file=file, purpose="batch", timeout=UPLOAD_S)
        await self._store.begin(batch)
        try:
            made = await client.batches.create(
                input_file_id=uploaded.id,
                endpoint=ENDPOINTS[self._spec.of],
                completion_window="24h",
                metadata={"batchtop": tag},
            )
        except openai.OpenAIError as error:
            if isinstance(error, openai.APIStatusError) and error.status_code < _FROM_THE_MIDDLE:
                self._store.left(tag, ())
                raise
            self._follow(client, batch, safe(str(error), ()))  # it may have been made: that is found out first
            return
        following = self._follow(client, batch._replace(id=made.id))  # at once: who cancels now means this one too
        await self._store.made(tag, made.id)
        self._tell(f"{following.name}: {plural(len(lines), 'item')} uploaded", "info")

    async def _answers(self, wanted: Iterable[str]) -> list[bytes]:
        """Return a line for each item once every batch that has one of them is over."""
        by_tag: dict[str, list[str]] = {}
        for name in wanted:
            by_tag.setdefault(self._where[name], []).append(name)
        waits = [self._ended(self._followed[tag]) for tag in by_tag]
        ended = dict(zip(by_tag, await asyncio.gather(*waits), strict=True))
        self._collected(by_tag)
        return [ended[tag][name] for tag, names in by_tag.items() for name in names]

    async def _ended(self, following: Following) -> dict[str, bytes]:
        """Return the lines of a batch that is over; raises TransportError once nobody waits any more."""
        task, left = following.task, asyncio.create_task(self._left.wait())
        try:
            await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        if not task.done() or task.cancelled():
            raise TransportError(Outcome.CANCELLED, f"{following.name} goes on at the provider")
        return task.result()

    def _collected(self, by_tag: dict[str, list[str]]) -> None:
        """Forget answers that are taken now, here at once, in the workspace when they are on their way there."""
        for tag, names in by_tag.items():
            taken = set(names)
            following = self._followed[tag]
            kept = tuple(name for name in following.batch.digests if name not in taken)
            following.batch = following.batch._replace(digests=kept)
            for name in taken:
                if self._where.get(name) == tag:
                    del self._where[name]
            if not following.batch.digests:
                del self._followed[tag]
        left = {tag: self._followed[tag].batch.digests if tag in self._followed else () for tag in by_tag}

        def write(_: object) -> None:
            for tag, digests in left.items():
                self._store.left(tag, digests)

        # Whoever sends puts the answers into the next commit, or one before, by the time that its task is done.
        if task := asyncio.current_task():
            task.add_done_callback(write)
