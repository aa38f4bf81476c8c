"""Answers in the shape of OpenAI's API, as JSON text."""

from hashlib import blake2b

import msgspec

from .answers import cut, embedding, opinion, packed, tokens_in
from .behaviour import Behaviour
from .questions import Chat, Embeddings, Question


class Usage(msgspec.Struct):
    """Tokens a request is charged for."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage_of(question: Question, *, seed: int) -> Usage:
    """Return what a request costs, known before it is answered because the answer is."""
    prompt = sum(map(tokens_in, question.texts()))
    answer = tokens_in(_said(question, seed)[0]) if isinstance(question, Chat) else 0
    return Usage(prompt, answer, prompt + answer)


def reply_body(question: Question, usage: Usage, behaviour: Behaviour, wall: float) -> bytes:
    """Return the answer to a question that came at `wall`, seconds since the epoch."""
    if isinstance(question, Chat):
        return _chat_body(question, usage, behaviour.seed, int(wall))
    return _embeddings_body(question, usage, behaviour)


def models_body(behaviour: Behaviour) -> bytes:
    """Return the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "batchtop"} for name in behaviour.models]
    return msgspec.json.encode({"object": "list", "data": models})


def _said(question: Chat, seed: int) -> tuple[str, str]:
    (prompt,) = question.texts()
    return cut(opinion(prompt, seed=seed), question.max_completion_tokens or question.max_tokens)


def _chat_body(question: Chat, usage: Usage, seed: int, created: int) -> bytes:
    text, finish = _said(question, seed)
    (prompt,) = question.texts()
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{blake2b(prompt.encode(errors='replace'), digest_size=12).hexdigest()}",
            "object": "chat.completion",
            "created": created,
            "model": question.model,
            "choices": [choice],
            "usage": usage,
        }
    )


def _embeddings_body(question: Embeddings, usage: Usage, behaviour: Behaviour) -> bytes:
    dimensions = question.dimensions or behaviour.dimensions
    vectors = (embedding(text, seed=behaviour.seed, dimensions=dimensions) for text in question.subjects())
    shown = map(packed, vectors) if question.encoding_format == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(shown)]
    tokens = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": question.model, "usage": tokens})
