"""Results and items for the screens that show them."""

from dataclasses import replace

import msgspec
from batchtop.engine.item import Try
from batchtop.engine.outcome import Outcome
from batchtop.engine.store.latest import Preview
from batchtop.engine.store.story import Ended, Excerpt, ItemStory

from .fake_source import START, FakeSource

LANE = "gpt-4o-mini @ 127.0.0.1:8800"
TRIES = (
    Try(START - 44, Outcome.RATE_LIMITED, "429: retry after 2 s", 81.0, LANE, counted=False, times=12),
    Try(START - 31, Outcome.TIMEOUT, "no answer within 30 s", 30_000.0, LANE, counted=True),
)
PROSE = "The reviewer likes the lens 长焦镜头 but not the \x1b[31mred\x1b[0m case, and says so at length. " * 4


def preview(seq: int, *, failed: str = "", **more: object) -> Preview:
    """Return a result as a line of the list."""
    base = Preview(
        seq, str(seq), "failed" if failed else "done", failed or "ok", f"answer {seq}: the reviewer likes it",
        1, 812.0 + seq, START - 300 + seq, "", cached=False,
    )  # fmt: skip
    return base._replace(**more)


def previews(newest: int, number: int) -> tuple[Preview, ...]:
    """Return so many results, the newest first; every fourth failed."""
    return tuple(
        preview(seq, failed="bad_item", text=f"400: item {seq} is too long") if seq % 4 == 0 else preview(seq)
        for seq in range(newest, newest - number, -1)
    )


def ended(outcome: str = "ok", **more: object) -> Ended:
    """Return how an item ended."""
    good = outcome == "ok"
    output = msgspec.json.encode(PROSE).decode() if good else ""
    base = Ended(
        stands=True, seq=7, outcome=outcome, output=Excerpt(output), message="" if good else f"it was {outcome}",
        attempts=2, latency_ms=812.0, at=START - 30, finish_reason="", model="", cached=False, tries=TRIES,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def story(key: str = "3071", of: Ended | None = None, **more: object) -> ItemStory:
    """Return an item with its fields."""
    fields = Excerpt('{"id":3071,"text":"a \\u001b[2J长 review","stars":4}')
    status = "pending" if of is None else "done" if of.outcome == "ok" else "failed"
    return replace(ItemStory(key, 12, 3_071, status, fields, of), **more)  # type: ignore[arg-type]


def telling(*items: ItemStory, number: int = 40, **options: object) -> FakeSource:
    """Return a source with results, the newest of number `number`, and what is known of some items."""
    stories = {each.key: each for each in items}
    return FakeSource(previews=previews(number, number), stories=stories, **options)  # type: ignore[arg-type]
