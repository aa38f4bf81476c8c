"""One item as a page of text: how it stands, what it was answered, its earlier tries, its fields, its request. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from ...engine.errors import BatchtopError
from ...engine.item import Try
from ...engine.job import JobSpec
from ...engine.source.place import line_in_words
from ...engine.store.readable import readable
from ...engine.store.story import MOST_BYTES, Ended, Excerpt, ItemStory
from ...engine.tasks.shown import shown_request
from ...engine.text import clean, lines_of
from . import format as say
from .line import BLANK, Line, Span, fit, line
from .wrapping import length

_LABEL: Final = 10
_ID_CHARACTERS: Final = 2_000
_STATUS: Final[Mapping[str, Span]] = {
    "pending": ("○ pending", "dim"),
    "done": ("✓ done", "ok"),
    "failed": ("✕ failed", "error"),
    "removed": ("✕ no longer in the input", "warn"),
    "changed": ("◐ another version of it is being loaded", "warn"),
}
_CUT: Final = f"only the first {say.count(MOST_BYTES)} bytes are shown"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its title, its lines before they are wrapped, and what of it is copied."""

    title: str
    lines: tuple[Line, ...]
    copied: str


def page_of(story: ItemStory, spec: JobSpec | str) -> tuple[Section, ...]:
    """Return an item in sections; instead of the job's `spec` there may be a word on why that is not known."""
    made = [_standing(story)]
    if story.ended:
        made += [_end(story.ended), *_tries(story.ended.tries)]
    return (*made, _fields(story.fields), _request(story, spec))


def status_span(story: ItemStory) -> Span:
    """Return how an item stands, as a glyph and words."""
    ended = story.ended
    if ended and ended.stands and ended.outcome != "ok":
        return f"✕ {say.words(ended.outcome)}", "error"
    return _STATUS.get(story.status, (clean(story.status), ""))


def answer_text(story: ItemStory) -> str:
    """Return exactly what an item was answered, or what went wrong; nothing where it has no result."""
    if story.ended is None:
        return ""
    return _said(story.ended.output) if story.ended.outcome == "ok" else story.ended.message


def is_cut(story: ItemStory) -> bool:
    """Return whether only the beginning of the answer is known here."""
    return story.ended is not None and story.ended.output.cut


def _standing(story: ItemStory) -> Section:
    lines = [_labelled(label, span) for label, span in _facts(story)]
    return Section("Item", tuple(lines), _plain(lines))


def _facts(story: ItemStory) -> Iterator[tuple[str, Span]]:
    yield "item", (clean(story.key, _ID_CHARACTERS), "strong")
    yield "status", status_span(story)
    if ended := story.ended:
        was = "" if ended.stands else ", by an earlier result that no longer counts"
        yield "ended", (f"{say.moment(ended.at)}{was}", "")
        if ended.cached:
            yield "attempts", ("none: it has the answer that an equal item was given", "")
        else:
            yield "attempts", (say.count(ended.attempts), "")
            yield "latency", (say.latency(ended.latency_ms), "")
        if ended.model:
            yield "model", (f"{clean(ended.model)}, which is not the job's own", "")
        if ended.finish_reason:
            cut = ": the token limit cut it short" if ended.finish_reason == "length" else ""
            yield "finish", (f"{clean(ended.finish_reason)}{cut}", "warn" if cut else "")
    yield "input", (line_in_words(story.line), "")


def _labelled(label: str, span: Span) -> Line:
    return line((fit(label, _LABEL), "dim"), span)


def _end(ended: Ended) -> Section:
    good = ended.outcome == "ok"
    title = ("Answer" if good else "Error") if ended.stands else f"Earlier {'answer' if good else 'error'}"
    text = _said(ended.output) if good else ended.message
    return Section(title, _body(_pretty(text) if good else text, cut=ended.output.cut), text)


def _tries(tries: tuple[Try, ...]) -> Iterator[Section]:
    if tries:
        lines = [each for one in tries for each in _try(one)]
        yield Section("Earlier attempts", tuple(lines), _plain(lines))


def _try(one: Try) -> Iterator[Line]:
    yield line(
        (f"{say.moment(one.at)}  ", "dim"),
        (fit(f"{'✕' if one.counted else '○'} {say.words(one.outcome)}", 18), "error" if one.counted else "warn"),
        f"{say.latency(one.latency_ms):>8}  ",
        ("counted" if one.counted else "not counted", "" if one.counted else "dim"),
        f"  {say.count(one.times)} times in a row" if one.times > 1 else "",
    )
    yield line((f"    {clean(one.lane)}", "dim"), f"  {clean(one.message)}" if one.message else "")


def _fields(fields: Excerpt) -> Section:
    return Section("Fields", _body(_pretty(fields.text), cut=fields.cut), fields.text)


def _request(story: ItemStory, spec: JobSpec | str) -> Section:
    title = "Request, as it goes when the item goes alone"
    why = spec if isinstance(spec, str) else ""
    if story.fields.cut:
        why = f"not shown: the item's fields take more than {say.count(MOST_BYTES)} bytes"
    if why or isinstance(spec, str):
        return Section(title, (line((clean(why), "warn")),), why)
    try:
        request = shown_request(spec, msgspec.json.decode(story.fields.text, type=dict[str, object]), story.key)
    except (BatchtopError, msgspec.MsgspecError) as error:
        return Section(title, (line((clean(str(error)), "warn")),), str(error))
    head = f"{request.method} {request.url}"
    return Section(title, (line((clean(head), "strong")), *_body(request.body)), f"{head}\n{request.body}")


def _body(text: str, *, cut: bool = False) -> tuple[Line, ...]:
    lines = [line(each) for each in lines_of(text)] or [line(("(empty)", "dim"))]
    return (*lines, line((f"… {_CUT}", "warn"))) if cut else tuple(lines)


def _said(output: Excerpt) -> str:
    return readable(output.text.encode())


def _pretty(text: str) -> str:
    """Return an object or a list over several lines, numbers in a row; anything else as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return text.replace(",", ", ") if _is_vector(text) else msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        return text


def _is_vector(text: str) -> bool:
    try:
        return len(msgspec.json.decode(text, type=list[float])) > 1
    except msgspec.DecodeError:
        return False


def _plain(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in each) for each in lines)


def page_text(sections: tuple[Section, ...]) -> str:
    """Return the whole page for the clipboard."""
    return "\n\n".join(f"{section.title}\n{section.copied}" for section in sections)


def page_lines(sections: tuple[Section, ...]) -> tuple[list[Line], list[int]]:
    """Return the lines of the whole page, and at which of its characters each section begins."""
    lines: list[Line] = []
    starts: list[int] = []
    passed = 0
    for section in sections:
        more = [line((f"── {section.title} ", "one")), *section.lines, BLANK]
        starts.append(passed)
        lines += more
        passed += sum(map(length, more))
    return lines[:-1], starts
