"""What the simulated provider answers: always the same for the same seed and text."""

import math
from array import array
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b, shake_128
from itertools import chain

_TONES = ("Positive", "Negative", "Neutral", "Mixed")
_REASONS = (
    "the wording is warm",
    "it states facts and little else",
    "the tone is dry but helpful",
    "it warns more than it promises",
    "praise and doubt are in balance",
    "it is short and to the point",
    "the last words weigh most",
    "nothing in it stands out",
)


def tokens_in(text: str) -> int:
    """Return about how many tokens a text is: one for every four characters, rounded up."""
    return (len(text) + 3) // 4


def opinion(text: str, *, seed: int) -> str:
    """Return a few words about a text."""
    tone, reason = blake2b(f"{seed}\n{text}".encode(errors="replace"), digest_size=2).digest()
    return f"{_TONES[tone % len(_TONES)]}: {_REASONS[reason % len(_REASONS)]}."


def cut(text: str, max_tokens: int | None) -> tuple[str, str]:
    """Return a text cut to so many tokens, and the reason it ends there, as `finish_reason` has it."""
    if max_tokens is None or tokens_in(text) <= max_tokens:
        return text, "stop"
    return text[: max_tokens * 4], "length"


def embedding(text: str, *, seed: int, dimensions: int) -> list[float]:
    """Return a vector of length 1: the signs are bits of the text's hash, so different texts are about orthogonal."""
    octets = _octets(dimensions)
    bits = shake_128(f"{seed}\n{text}".encode(errors="replace")).digest(-(-dimensions // 8))
    return list(chain.from_iterable(map(octets.__getitem__, bits)))[:dimensions]


@lru_cache(maxsize=8)
def _octets(dimensions: int) -> tuple[tuple[float, ...], ...]:
    """Return the eight components that each byte stands for; looked up, they cost little at 2,048 inputs a request."""
    size = 1 / math.sqrt(dimensions)
    return tuple(tuple(size if byte >> bit & 1 else -size for bit in range(8)) for byte in range(256))


def packed(vector: Sequence[float]) -> str:
    """Return a vector as base64 of 32-bit floats, the form the openai client asks for."""
    return b64encode(array("f", vector)).decode()
