"""Answers in the shape of OpenAI's API, as JSON text."""

from hashlib import blake2b

import msgspec

from .answers import cut, embedding, opinion, packed, tokens_in
from .behaviour import Behaviour
from .luck import Fault
from .questions import Chat, Embeddings, Packed, Question
from .shaped import shaped

MOST_PIECES = 20
"""A streamed answer comes in no more."""


class Usage(msgspec.Struct):
    """Tokens a request is charged for."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage_of(question: Question, *, seed: int) -> Usage:
    """Return what a request costs, known before it is answered because the answer is; a fault makes it no cheaper."""
    prompt = sum(map(tokens_in, question.texts()))
    answer = tokens_in(_said(question, seed, None)[0]) if isinstance(question, Chat) else 0
    return Usage(prompt, answer, prompt + answer)


def reply_body(
    question: Question, usage: Usage, behaviour: Behaviour, wall: float, fault: Fault | None = None
) -> bytes:
    """Return the answer to a question that came at `wall`, seconds since the epoch; `fault` spoils it."""
    if isinstance(question, Chat):
        body = _chat_body(question, usage, behaviour.seed, int(wall), fault)
    else:
        body = _embeddings_body(question, usage, behaviour, fault)
    return body[: len(body) // 2] if fault is Fault.MALFORMED else body


def reply_pieces(
    question: Chat, usage: Usage, behaviour: Behaviour, wall: float, fault: Fault | None = None
) -> tuple[bytes, ...]:
    """Return the same answer as server-sent events; one that a fault tears stops in the middle, without its end."""
    text, finish = _said(question, behaviour.seed, fault)
    size = max(4, -(-len(text) // MOST_PIECES))
    said = [text[start : start + size] for start in range(0, len(text), size)]
    choices = [_piece({"role": "assistant", "content": ""}), *(_piece({"content": each}) for each in said)]
    choices.append(_piece({}, finish))
    head = {**_head(question, int(wall)), "object": "chat.completion.chunk"}
    bodies: list[dict[str, object]] = [{**head, "choices": [each]} for each in choices]
    if _is_choiceless(question, fault):
        bodies = []
    if question.stream_options and question.stream_options.include_usage:
        bodies.append({**head, "choices": [], "usage": usage})
    pieces = [*(b"data: " + msgspec.json.encode(body) + b"\n\n" for body in bodies), b"data: [DONE]\n\n"]
    return tuple(pieces[: len(said) // 2 + 1] if fault is Fault.MALFORMED else pieces)


def models_body(behaviour: Behaviour) -> bytes:
    """Return the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "batchtop"} for name in behaviour.models]
    return msgspec.json.encode({"object": "list", "data": models})


def _said(question: Chat, seed: int, fault: Fault | None) -> tuple[str, str]:
    """Return the text of an answer, and the reason it ends there."""
    if isinstance(question, Packed):
        text = _packed_answers(question, seed, fault)
    elif (schema := question.schema()) is not None:
        text = msgspec.json.encode(shaped(schema, question.about(), seed=seed)).decode()
    else:
        text = opinion(question.about(), seed=seed)
    if fault is Fault.CUT:
        return text[: len(text) // 2], "length"
    return cut(text, question.max_completion_tokens or question.max_tokens)


def _packed_answers(question: Packed, seed: int, fault: Fault | None) -> str:
    """Return the answers to packed prompts, each the one that its prompt gets by itself."""
    schema = question.schema() or {"type": "string"}
    answers = [{"id": each.id, "answer": shaped(schema, each.prompt, seed=seed)} for each in question.prompts]
    if fault is Fault.SHORT:
        answers.pop()
    return msgspec.json.encode({"answers": answers}).decode()


def _chat_body(question: Chat, usage: Usage, seed: int, created: int, fault: Fault | None) -> bytes:
    text, finish = _said(question, seed, fault)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    choices = [] if _is_choiceless(question, fault) else [choice]
    return msgspec.json.encode({**_head(question, created), "choices": choices, "usage": usage})


def _head(question: Chat, created: int) -> dict[str, object]:
    (prompt,) = question.texts()
    number = blake2b(prompt.encode(errors="replace"), digest_size=12).hexdigest()
    return {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": created, "model": question.model}


def _piece(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _is_choiceless(question: Chat, fault: Fault | None) -> bool:
    return fault is Fault.SHORT and not isinstance(question, Packed)


def _embeddings_body(question: Embeddings, usage: Usage, behaviour: Behaviour, fault: Fault | None) -> bytes:
    dimensions = question.dimensions or behaviour.dimensions
    inputs = question.subjects()[:-1] if fault is Fault.SHORT else question.subjects()
    vectors = (embedding(text, seed=behaviour.seed, dimensions=dimensions) for text in inputs)
    shown = map(packed, vectors) if question.encoding_format == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(shown)]
    tokens = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": question.model, "usage": tokens})
