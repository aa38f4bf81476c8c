"""What one running job is made of, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from .admission import Budget
from .batcher import Batcher
from .books import Books
from .dials import Dials
from .dispatch import Dispatcher
from .feed import Feed
from .job import JobSpec
from .journal import Journal
from .live.intake import Intake, Live
from .output.delivery import Delivery
from .pulse import Pulse
from .route import Route
from .rules import Rules
from .sampler import Sampler
from .settings import Layer
from .snapshot import JobRow, LaneState
from .store import record
from .transports import Around, Transport
from .ways import Ways
from .weight import weigher


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running job is made of, each part with those that it works with."""

    dials: Dials
    ways: Ways
    journal: Journal
    delivery: Delivery
    feed: Feed
    loop: Dispatcher
    pulse: Pulse
    intake: Intake | None
    """What brings rows while the job runs; None where all are there when it starts."""


def put_together(
    spec: JobSpec,
    job: JobRow,
    around: Around,
    *,
    live: Sequence[Layer],
    lanes: Sequence[LaneState],
    routes: Sequence[Route],
    source: Live | None,
    worker: Transport | None,
) -> Parts:
    """Return the parts of a job that is about to run; `live` and `lanes` are what its earlier runs have left.

    Rows may come from a `source` while it runs, and a `worker` takes its calls instead of the HTTP client.
    """
    writer, clock, transport = around.writer, around.clock, worker or around.http

    def wake() -> None:
        loop.wake()

    dials, ways = Dials(spec.layers, live), Ways(routes, spec.name, spec.task)
    ways.obey(dials.now.settings)
    journal = Journal(record.Log(writer, job.id), clock)
    if told := ways.go_on(lanes):
        journal.tell(told)
    delivery = Delivery(spec, job.id, writer, clock, journal.tell)
    sampler, batcher = Sampler(clock), Batcher(weigher(spec.task))
    rules = Rules(spec.task, journal.tell)
    books = Books(writer, job.id, sampler)
    feed = Feed(
        writer=writer,
        job=job.id,
        books=books,
        batcher=batcher,
        clock=clock,
        wake=wake,
        sort=rules.sort,
        live=source is not None,
    )
    loop = Dispatcher(
        settings=dials.now.settings,
        routes=routes,
        rules=rules,
        transport=transport,
        batcher=batcher,
        ledger=feed,
        budget=Budget(job.cost or 0.0),
        clock=clock,
    )
    pulse = Pulse(
        sampler=sampler,
        books=books,
        journal=journal,
        ways=ways,
        loop=loop,
        delivery=delivery,
        writer=writer,
        transport=transport,
        clock=clock,
    )
    intake = None
    if source:
        intake = Intake(spec, job.id, source, writer=writer, feed=feed, clock=clock, tell=journal.tell)
    return Parts(dials, ways, journal, delivery, feed, loop, pulse, intake)
