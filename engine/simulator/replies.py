"""Answers in the shape of OpenAI's API, as JSON text."""

from hashlib import blake2b

import msgspec

from .answers import cut, embedding, opinion, packed, tokens_in
from .behaviour import Behaviour
from .luck import Fault
from .questions import Chat, Embeddings, Packed, Question


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


def models_body(behaviour: Behaviour) -> bytes:
    """Return the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "batchtop"} for name in behaviour.models]
    return msgspec.json.encode({"object": "list", "data": models})


def _said(question: Chat, seed: int, fault: Fault | None) -> tuple[str, str]:
    """Return the text of an answer, and the reason it ends there."""
    if isinstance(question, Packed):
        text = _packed_answers(question, seed, fault)
    else:
        text = opinion(question.asked(), seed=seed)
    if fault is Fault.CUT:
        return text[: len(text) // 2], "length"
    return cut(text, question.max_completion_tokens or question.max_tokens)


def _packed_answers(question: Packed, seed: int, fault: Fault | None) -> str:
    """Return the answers to packed prompts, each the one that its prompt gets by itself."""
    answers = [{"id": each.id, "answer": opinion(each.prompt, seed=seed)} for each in question.prompts]
    if fault is Fault.SHORT:
        answers.pop()
    return msgspec.json.encode({"answers": answers}).decode()


def _chat_body(question: Chat, usage: Usage, seed: int, created: int, fault: Fault | None) -> bytes:
    text, finish = _said(question, seed, fault)
    (prompt,) = question.texts()
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    choiceless = fault is Fault.SHORT and not isinstance(question, Packed)
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{blake2b(prompt.encode(errors='replace'), digest_size=12).hexdigest()}",
            "object": "chat.completion",
            "created": created,
            "model": question.model,
            "choices": [] if choiceless else [choice],
            "usage": usage,
        }
    )


def _embeddings_body(question: Embeddings, usage: Usage, behaviour: Behaviour, fault: Fault | None) -> bytes:
    dimensions = question.dimensions or behaviour.dimensions
    inputs = question.subjects()[:-1] if fault is Fault.SHORT else question.subjects()
    vectors = (embedding(text, seed=behaviour.seed, dimensions=dimensions) for text in inputs)
    shown = map(packed, vectors) if question.encoding_format == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(shown)]
    tokens = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": question.model, "usage": tokens})
