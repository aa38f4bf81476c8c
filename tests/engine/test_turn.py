"""Turns of the event loop: so many items in each, in the order they came."""

import asyncio

from batchtop.engine.turn import MOST, Turns
from hypothesis import given
from hypothesis import strategies as st


async def dealt(sizes: list[int], cancelled: frozenset[int] = frozenset()) -> list[list[int]]:
    """Return which of several answers that came at once were dealt with in which turn of the loop."""
    turns, loop = Turns(), asyncio.get_running_loop()
    by_turn: list[list[int]] = [[]]
    running = True

    def tick() -> None:
        by_turn.append([])
        if running:
            loop.call_soon(tick)

    async def deal(number: int) -> None:
        if turn := turns.take(sizes[number]):
            await turn
        by_turn[-1].append(number)

    tasks = [asyncio.create_task(deal(number)) for number in range(len(sizes))]
    loop.call_soon(tick)
    await asyncio.sleep(0)
    for number in cancelled:
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    running = False
    return [numbers for numbers in by_turn if numbers]


async def test_small_answers_are_dealt_with_at_once():
    assert await dealt([1] * 100) == [list(range(100))]


async def test_large_ones_have_a_turn_each():
    assert await dealt([MOST, MOST, 3 * MOST]) == [[0], [1], [2]]


async def test_two_halves_share_a_turn():
    half = MOST // 2
    assert await dealt([half] * 5) == [[0, 1], [2, 3], [4]]


async def test_a_small_one_does_not_overtake_a_large_one_that_waits():
    assert await dealt([MOST, MOST, 1]) == [[0], [1], [2]]


async def test_one_that_is_given_up_while_it_waits_takes_no_turn():
    assert await dealt([MOST] * 4, frozenset({1, 2})) == [[0], [3]]


@given(st.lists(st.integers(1, 2 * MOST), max_size=30), st.data())
def test_none_is_forgotten_and_all_keep_their_order(sizes: list[int], data: st.DataObject):
    waiting = range(1, len(sizes))
    cancelled = data.draw(st.frozensets(st.sampled_from(waiting)) if sizes[1:] else st.just(frozenset[int]()))
    turns = asyncio.run(dealt(sizes, cancelled))
    done = [number for turn in turns for number in turn]
    assert done == sorted(done)
    assert set(range(len(sizes))) - cancelled <= set(done)
    assert all(len(turn) == 1 or sum(sizes[number] for number in turn) <= MOST for turn in turns)
