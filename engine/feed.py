"""Brings pending items from the workspace to the batcher, page by page, each question once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from .answer import Usage
from .batcher import Batcher
from .books import Books
from .clock import Clock
from .item import Item
from .outcome import Outcome
from .settings import Settings
from .settle import Settled
from .store import answers, items
from .store.arrivals import Arrived
from .store.items import Found, Known, Pages
from .store.writer import Writer
from .twins import Twins

LEAST_PAGE: Final = 50
MOST_PAGE: Final = 1_000
SOON_S: Final = 0.05
"""What a page takes to come where the loop is busy; as many items as are answered meanwhile have to wait by then."""
MOST_AGAIN: Final = 10_000
LOOK_S: Final = 0.02


class Pace:
    """How fast items are answered."""

    def __init__(self, clock: Clock) -> None:
        self.items = 0
        """Those answered since it was looked at."""
        self.soon = 0
        """As many as are answered in SOON_S."""
        self._clock = clock
        self._since = clock.now()

    def look(self) -> None:
        """Measure it, if some time has passed: the answers of many batches may come in one moment."""
        elapsed_s = self._clock.now() - self._since
        if elapsed_s >= SOON_S:
            self.soon = min(int(SOON_S * self.items / elapsed_s), MOST_PAGE)
            self.items = 0
            self._since += elapsed_s


class Feed:
    """What is answered already goes to the books, what others ask too waits for them, and the rest goes to the batcher.

    It stands as the ledger between the loop and the books, so that it hears of every answer.
    """

    def __init__(
        self,
        *,
        writer: Writer,
        job: int,
        books: Books,
        batcher: Batcher,
        clock: Clock,
        wake: Callable[[], None],
        sort: Callable[[Item], Item] = lambda item: item,
        live: bool = False,
    ) -> None:
        self._writer = writer
        self._job = job
        self._books = books
        self._batcher = batcher
        self._clock = clock
        self._wake = wake
        self._sort = sort
        self._twins = Twins()
        self._hungry = asyncio.Event()
        self._more = asyncio.Event()
        self._again: deque[int] = deque()
        """Rows made pending again, in their order."""
        self._reading = asyncio.Lock()
        self._coming = 0
        self._pace = Pace(clock)
        self._live = live
        """Whether new items may come for as long as nobody says that they have ended."""

    # ── what the loop tells ──

    @property
    def full(self) -> bool:
        """Whether so much waits to be stored, or nothing can be any more, that no more should be sent."""
        return self._books.full or self._writer.failure is not None

    def request(
        self, outcome: Outcome, usage: Usage, cost: float, latency_ms: float, first_ms: float | None = None
    ) -> None:
        """Take note of one request that ended."""
        self._books.request(outcome, usage, cost, latency_ms, first_ms)

    def settled(self, settled: Settled) -> None:
        """Store an item that is done or failed, and all that asked the same."""
        self._pace.items += 1
        self._books.settled(settled)
        answered, following = self._twins.answered(settled)
        for each in answered:
            self._books.known(each)
        if following:
            self._batcher.again(following, self._clock.now())

    # ── the items ──

    def want(self, settings: Settings) -> None:
        """Read on where fewer items wait than the next batches take, and than are answered until more are here."""
        wanted = max(page_size(settings), settings.batch_size) * len(self._batcher.rules)
        if self._batcher.fresh < wanted + self._pace.soon:
            self._hungry.set()

    async def again(self, make_pending: Callable[[], Awaitable[Sequence[int]]]) -> int:
        """Make items pending that had failed, bring them too, and return how many they are.

        No page is read meanwhile, which might have some of them that are then brought twice, and the job doesn't end.
        """
        self._coming += 1
        self._batcher.reopen()
        try:
            async with self._reading:
                rows = await make_pending()
                self._again = deque(sorted({*self._again, *rows}))
        finally:
            self._coming -= 1
            self._hungry.set()
            self._more.set()
        return len(rows)

    @property
    def behind(self) -> bool:
        """Whether so many items are to be asked again that no more should be looked for."""
        return len(self._again) >= MOST_AGAIN

    async def bring(self, add: Callable[[], Awaitable[Arrived]]) -> Arrived:
        """Have items join the job that come while it runs; no page is read meanwhile."""
        async with self._reading:
            arrived = await add()
            self._again = deque(sorted({*self._again, *arrived.changed}))
        self._more.set()
        return arrived

    def ended(self) -> None:
        """Say that no item will join the job any more."""
        self._live = False
        self._more.set()

    def reopen(self) -> None:
        """Say that items will join the job after all."""
        self._live = True
        self._batcher.reopen()

    async def run(self, pages: Pages, settings: Callable[[], Settings]) -> None:
        """Bring all that is pending, and what is made pending again later, until cancelled."""
        if await self._writer.run(lambda db: answers.are_wanted(db, self._job)):
            await self._writer.gather()
        while True:
            self._more.clear()
            self._pace.look()
            if page := await self._next(pages, page_size(settings(), self._pace.soon)):
                await self._hand_on(page)
                self._wake()
                self._hungry.clear()
                self.want(settings())
                await self._hungry.wait()
            elif self._twins.left:
                await self._all_answered()
                self._twins.left = False
                pages.rewind()
            elif not (self._again or self._coming):
                if not self._live:
                    self._batcher.close()
                    self._wake()
                await self._more.wait()

    async def _next(self, pages: Pages, size: int) -> list[Found]:
        async with self._reading:
            page = await self._page(pages, size)
            return await self._leased(pages, page) if page else []

    async def _page(self, pages: Pages, size: int) -> list[Found]:
        """Return the next items: first those pending again that were passed by; the others are still to come anyway."""
        while self._again and self._again[-1] > pages.after:
            self._again.pop()
        passed = [self._again.popleft() for _ in range(min(size, len(self._again)))]
        found = await pages.these(passed) if passed else []
        return found or await pages.next(size)

    async def _leased(self, pages: Pages, page: Sequence[Found]) -> list[Found]:
        """Commit that these items may be sent from now on, and return them with what was answered since they were read.

        That commit is also the last one a reader has to wait for to see what was answered before it.
        """
        lately, self._twins.lately = self._twins.lately, set()
        await self._writer.run(lambda db: items.lease(db, self._job, page[-1].item.row))
        lately |= self._twins.lately
        found = {each.item.row: each for each in page}
        while late := [row for row, each in found.items() if not each.known and each.item.digest in lately]:
            lately = self._twins.lately = set()  # fills while the answers so far are committed and read
            await self._writer.flush()
            found |= {each.item.row: each for each in await pages.these(late)}
        return list(found.values())

    async def _hand_on(self, page: Sequence[Found]) -> None:
        new: list[Item] = []
        for each in page:
            if each.known:
                self._books.known(_settled(each.item, each.known))
            elif self._twins.first(item := self._sort(each.item)):
                new.append(item)
        self._batcher.add(new, self._clock.now())
        while self.full:
            await self._clock.sleep(LOOK_S)

    async def _all_answered(self) -> None:
        """Wait until nothing is in hand: an item that is read then is no item that is being sent."""
        while self._twins:
            await self._clock.sleep(LOOK_S)
        await self._writer.flush()


def page_size(settings: Settings, soon: int = 0) -> int:
    """Return how many items are read at a time: what is read may have been sent, should the engine die.

    They are those that go at once, and those that are answered soon: few of a job that is slow, while one that is quick
    neither waits for pages nor has many of them to commit.
    """
    return min(max(LEAST_PAGE, settings.batch_size * settings.concurrency) + soon, MOST_PAGE)


def _settled(item: Item, known: Known) -> Settled:
    return Settled(item, known.answer, 0, 0.0, known.at, known.model, cached=True)
