"""Answers that keep a JSON schema: how they are asked for, read and checked. Pure."""

from typing import Final, NoReturn

import msgspec

from ..answer import Answer
from ..outcome import Outcome
from ..text import clean
from .packed import unfenced

NAME: Final = "answer"


class Schema:
    """A JSON schema that answers are to keep; raises ValueError, with a message for people, where it is none."""

    def __init__(self, schema: dict[str, object]) -> None:
        from jsonschema_rs import validator_for  # noqa: PLC0415 (most jobs have no schema)

        try:
            self._errors = validator_for(schema, retriever=_refuse).iter_errors
        except ValueError as error:
            raise ValueError(clean(str(error).partition("\n")[0], 200)) from None

    def read(self, text: str) -> Answer:
        """Return the JSON value that an answer is, or where it breaks the schema; then another try may mend it."""
        try:
            value = msgspec.json.decode(unfenced(text))
        except (ValueError, RecursionError) as error:
            return _bad(f"the answer is not JSON, as task.schema wants it: {error}")
        for error in self._errors(value):
            return _bad(f"the answer breaks task.schema at {path_of(error.instance_path)}: {clean(error.message, 200)}")
        return Answer(Outcome.OK, msgspec.json.encode(value))


def response_format(schema: dict[str, object], *, strict: bool) -> dict[str, object]:
    """Return what a request asks for, for its answer to keep a schema."""
    return {"type": "json_schema", "json_schema": {"name": NAME, "strict": strict, "schema": schema}}


def path_of(steps: list[str | int]) -> str:
    """Return a place in a JSON value as people write it: `$.items[2].name`."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _bad(message: str) -> Answer:
    return Answer(Outcome.SHORT_REPLY, message=message)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not part of it, and nothing is fetched: put it under $defs")
