import asyncio

import pytest
from batchtop.engine.errors import WorkspaceError
from batchtop.tui.courier import Courier, Delivery, SourceThread

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
    courier, found = Courier(source, Line(), "reviews"), []
    for verb, args in commands:
        courier.put(verb, args)
    await courier.run(found.append)
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
async def test_only_one_run_delivers_at_a_time(source: FakeSource) -> None:
    source.obey = False
    courier, found = Courier(source, Line(), "reviews"), []
    courier.put("pause", {})
    first = asyncio.create_task(courier.run(found.append))
    await asyncio.sleep(1)
    courier.put("resume", {})
    await courier.run(found.append)
    assert len(source.sent) == 1
    source.obey = True
    source.answer_all()
    await first
    assert [each.verb for each in found] == ["pause", "resume"]


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
