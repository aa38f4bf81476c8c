"""Several items in one chat request: how they are asked, and how each gets its own answer back.

A model may leave an item out, answer one twice, or answer them in another order, and nothing in a mere list would tell.
So each item has an id, each answer names the id it is for, and only an answer whose id was asked for is kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ..answer import Answer
from ..outcome import Outcome

ENVELOPE_TOKENS: Final = 20
"""What the JSON around an answer takes at most: braces, id, quotes, and the spaces of a model that indents."""

INSTRUCTION: Final = (
    "The user's message is JSON that holds independent items, each with an id and a prompt."
    " Answer each prompt by itself, as if it were the only one."
    ' Reply with JSON alone, one answer for each id: {"answers": [{"id": "1", "answer": ...}, ...]}'
)

_TEARS: Final = 20
"""So many places, from the end, are tried as the end of the last whole entry; braces within an answer take some."""

_NAMED = ("$defs", "definitions")
_OTHER_REF = re.compile(rb'"\$(?:dynamic|recursive)?[rR]ef":"(?!#/(?:\$defs|definitions)/)')
"""A reference to something else than a named definition, which would not be found from the new root."""


class _JsonSchema(Struct):
    schema: dict[str, object]
    strict: bool | None = None


class _ResponseFormat(Struct):
    type: str = "text"
    json_schema: _JsonSchema | None = None


class _Entry(Struct):
    id: str | int
    answer: Raw


class _Pack(Struct):
    answers: list[Raw]


@dataclass(frozen=True, slots=True)
class Form:
    """What every answer in a packed reply looks like."""

    response_format: dict[str, object]
    """What the request asks for; the server must know `json_schema`."""
    kind: type
    """What an answer is in Python; only a `str` stands for itself, the output of others is their JSON text."""


def form_of(own: object) -> Form | None:
    """Return the form that goes with a job's own `response_format`, None when its items can't be packed."""
    try:
        wanted = msgspec.convert(own or {}, _ResponseFormat)
    except msgspec.ValidationError:
        return None
    match wanted:
        case _ResponseFormat("text"):
            return Form(_response_format({"type": "string"}, strict=True), str)
        case _ResponseFormat("json_object"):
            return Form(_response_format({"type": "object"}, strict=False), dict)  # strict ones must name every key
        case _ResponseFormat("json_schema", _JsonSchema(schema, strict)) if _is_movable(schema):
            kind = dict if schema.get("type") == "object" else object
            return Form(_response_format(schema, strict=bool(strict)), kind)
        case _:
            return None


def question(prompts: Sequence[str]) -> str:
    """Return the message that asks all prompts at once; their ids are "1", "2" and so on."""
    items = [{"id": str(number), "prompt": prompt} for number, prompt in enumerate(prompts, 1)]
    return msgspec.json.encode({"items": items}).decode()


def unpack(text: str, count: int, form: Form) -> tuple[Answer, ...]:
    """Return an answer for each of `count` items; those without a good one are SHORT_REPLY, each by itself.

    Text around the JSON is no answer to what was asked; only a code fence around all of it is forgiven. Of a reply that
    was cut short, the answers before the cut count.
    """
    entries = _entries(unfenced(text))
    if entries is None:
        return (_missing("the reply is not the JSON that was asked for, or only a part of it"),) * count
    by_id: dict[str, set[bytes]] = {}
    for entry in filter(None, map(_entry, entries)):
        by_id.setdefault(str(entry.id), set()).add(bytes(entry.answer))
    return tuple(_answer(str(number), by_id.get(str(number), set()), form) for number in range(1, count + 1))


_decode_pack = msgspec.json.Decoder(_Pack).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode


def _is_movable(schema: dict[str, object]) -> bool:
    return not _OTHER_REF.search(msgspec.json.encode(schema))


def _response_format(answer: dict[str, object], *, strict: bool) -> dict[str, object]:
    """Return the format for a list of answers; definitions move to the root, where references look for them."""
    named = {key: answer[key] for key in _NAMED if key in answer}
    inner = {key: value for key, value in answer.items() if key not in {*_NAMED, "$id", "$schema"}}
    entry = _object(id={"type": "string"}, answer=inner)
    schema = _object(answers={"type": "array", "items": entry}) | named
    return {"type": "json_schema", "json_schema": {"name": "answers", "strict": strict, "schema": schema}}


def _object(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def unfenced(text: str) -> str:
    """Return a text without the code fence around all of it, if there is one."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.removesuffix("```").partition("\n")[2]
    return text


def _entries(text: str) -> list[Raw] | None:
    """Return the entries of a pack, those before the tear of one that is torn, or None when it is no pack at all."""
    ends = (match.end() for match in re.finditer("}", text))
    for whole in (text, *(f"{text[:end]}]}}" for end in [*ends][: -_TEARS - 1 : -1])):
        try:
            return _decode_pack(whole).answers
        except (ValueError, RecursionError):
            continue
    return None


def _entry(raw: Raw) -> _Entry | None:
    try:
        return _decode_entry(raw)
    except (ValueError, RecursionError):
        return None


def _answer(asked: str, found: set[bytes], form: Form) -> Answer:
    if len(found) != 1:
        return _missing(f"{'several answers that differ' if found else 'no answer'} with the id {asked}")
    (raw,) = found
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return _missing(f"the answer with the id {asked} can't be read")
    if not isinstance(value, form.kind):
        return _missing(f"the answer with the id {asked} is not {'a text' if form.kind is str else 'an object'}")
    return Answer(Outcome.OK, msgspec.json.encode(value if form.kind is str else raw.decode()))


def _missing(why: str) -> Answer:
    return Answer(Outcome.SHORT_REPLY, message=f"of several items in one request: {why}")
