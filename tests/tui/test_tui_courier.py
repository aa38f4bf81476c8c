import asyncio

import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.tui.reads.courier import ANSWER_S, Courier, Delivery, SourceThread

from .fake_source import FakeSource


class Line(SourceThread):
    """Calls at once, so that the tests can run in virtual time."""

    async def call(self, function, *args, **kwargs):
        await asyncio.sleep(0)
        return function(*args, **kwargs)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


async def delivered(source: FakeSource, *commands: tuple[str, dict[str, object]]) -> list[Delivery]:
    found: list[Delivery] = []
    courier = Courier(source, Line(), "reviews", found.append)
    for verb, args in commands:
        courier.put(verb, args)
    await courier.done()
    return found


async def test_settings_that_wait_go_as_one_and_in_order(source: FakeSource) -> None:
    await delivered(
        source,
        ("set", {"delay": 1.0}),
        ("set", {"delay": 2.0, "concurrency": 8}),
        ("pause", {}),
        ("set", {"delay": 3.0}),
    )
    assert [(verb, args) for _, verb, args in source.sent] == [
        ("set", {"delay": 2.0, "concurrency": 8}),
        ("pause", {}),
        ("set", {"delay": 3.0}),
    ]


async def test_what_the_engine_says_is_reported(source: FakeSource) -> None:
    assert await delivered(source, ("pause", {})) == [Delivery("pause", {}, applied=True, message="pause done")]
    source.refusal = "reviews: has ended"
    (refused,) = await delivered(source, ("pause", {}))
    assert (refused.applied, refused.message) == (False, "reviews: has ended")


@pytest.mark.looptime
async def test_a_command_that_nobody_answers_is_taken_back(source: FakeSource) -> None:
    source.obey = False
    (lost,) = await delivered(source, ("set", {"delay": 1.0}))
    assert (lost.applied, source.withdrawn) == (False, [1])
    assert "no engine answered within 5 s" in lost.message


@pytest.mark.looptime
async def test_an_answer_that_comes_while_giving_up_counts(source: FakeSource) -> None:
    source.obey = False

    def too_late(command: int) -> bool:
        source.answer_all()
        return False

    source.withdraw = too_late
    (answered,) = await delivered(source, ("pause", {}))
    assert answered.applied


@pytest.mark.looptime
async def test_only_one_command_is_under_way_at_a_time(source: FakeSource) -> None:
    source.obey = False
    found: list[Delivery] = []
    courier = Courier(source, Line(), "reviews", found.append)
    courier.put("pause", {})
    await asyncio.sleep(1)
    courier.put("resume", {})
    await asyncio.sleep(1)
    assert len(source.sent) == 1
    source.obey = True
    source.answer_all()
    await courier.done()
    assert [each.verb for each in found] == ["pause", "resume"]


@pytest.mark.looptime
async def test_who_stops_waiting_does_not_stop_the_courier(source: FakeSource) -> None:
    source.obey = False
    found: list[Delivery] = []
    courier = Courier(source, Line(), "reviews", found.append)
    courier.put("cancel", {})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(courier.done(), 1)
    source.answer_all()
    await courier.stop(ANSWER_S)
    assert [each.verb for each in found] == ["cancel"]


@pytest.mark.looptime
async def test_stopping_takes_so_long_and_no_longer(source: FakeSource) -> None:
    source.obey = False
    courier = Courier(source, Line(), "reviews", lambda _: None)
    for verb in ("pause", "resume", "drain"):
        courier.put(verb, {})
    started = asyncio.get_running_loop().time()
    await courier.stop(ANSWER_S)
    await asyncio.sleep(3 * ANSWER_S)
    assert len(source.sent) <= 2
    assert asyncio.get_running_loop().time() - started == pytest.approx(4 * ANSWER_S, abs=0.1)


async def test_a_workspace_that_can_not_be_written_is_told(source: FakeSource) -> None:
    def send(job: str, verb: str, args: object) -> int:
        raise WorkspaceError("batchtop.db: the command could not be written (disk full)")

    source.send = send
    (failed,) = await delivered(source, ("pause", {}))
    assert (failed.applied, failed.message) == (False, "batchtop.db: the command could not be written (disk full)")


async def test_the_thread_keeps_the_order_and_closes_the_source(source: FakeSource) -> None:
    thread = SourceThread()
    assert await asyncio.gather(*(thread.call(lambda i=i: i) for i in range(20))) == list(range(20))
    thread.close(source)
    thread._pool.shutdown(wait=True)
    assert source.closed
