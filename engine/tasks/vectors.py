"""Vectors as answers. Pure."""

from ..answer import Answer
from ..outcome import Outcome
from ..vector import Form, Sent, VectorError, pack


def vector_answer(sent: Sent, form: Form) -> Answer:
    """Return an answer with a vector, packed; one that can't be is its item's own fault, and of no other."""
    try:
        return Answer(Outcome.OK, pack(sent, form))
    except VectorError as error:
        return Answer(Outcome.BAD_ITEM, message=str(error))
