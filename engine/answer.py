"""What one attempt brought: what a request was billed for, and what it gave each of its items."""

from msgspec import Struct

from .outcome import Outcome


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one request: what it was billed for, as the server's `usage` says, or what it may come to at most."""

    tokens_in: int = 0
    tokens_out: int = 0
    requests: int = 0
    """1 where the price is one of requests, and this one was billed."""

    @property
    def total(self) -> int:
        """Both together."""
        return self.tokens_in + self.tokens_out


class Answer(Struct, frozen=True, gc=False):
    """What one attempt brought for one item."""

    outcome: Outcome
    output: bytes = b""
    """When the outcome is ok: JSON text, or a vector as engine/vector.py packs it."""
    message: str = ""
    """What went wrong, cleaned and capped, when it is not."""
    finish_reason: str = ""
    """`length` for an output that the token limit cut short."""
    flaw: str = ""
    """What is wrong with the answer itself, as `escalate_when` names it: `invalid`, `refusal` or `cut`."""
