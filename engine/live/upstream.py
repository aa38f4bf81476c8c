"""The answers of another job as items, while that job runs: one stage of a pipeline after the other."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal

import msgspec

from ..ending import EXIT_STOPPED, End
from ..errors import StoppedError
from ..snapshot import ACTIVE, JobState
from ..source import Record
from ..store.arrivals import Last
from ..store.upstream import AnswerRow, Answers, Standing
from ..vector import json_of

POLL_S: Final = 0.05
OUTPUT: Final = "output"
"""The field that holds the answer."""
_UNSETTLED: Final = frozenset({JobState.QUEUED, JobState.LOADING})
"""Until its input is loaded, some of its answers may be to rows that have changed since."""

_decode = msgspec.json.decode


class Upstream:
    """Yields each good answer of a job once it is committed, until that job has ended and all of it was yielded."""

    def __init__(self, workspace: Path, job: str, output: Literal["text", "json"]) -> None:
        self.rejected = 0
        self.note = ""
        self._workspace = workspace
        self._job = job
        self._as_json = output == "json"
        self._shut = Event()
        self._last: Standing | None = None

    def records(self, last: Last) -> Iterator[Record]:  # noqa: ARG002 (items keep their ids)
        """Yield them; an answer that the workspace has already is told apart by its item's id."""
        try:
            with Answers(self._workspace, self._job) as answers:
                for answer in self._follow(answers):
                    fields = fields_of(answer, as_json=self._as_json)
                    yield Record(answer.line, answer.key, fields, msgspec.json.encode(fields))
        except sqlite3.Error as error:
            raise StoppedError(f"the answers of {self._job} can't be read: {error}") from error

    def _follow(self, answers: Answers) -> Iterator[AnswerRow]:
        after = load = 0
        while not self._shut.is_set():
            version = answers.version()
            self._last = now = answers.standing()
            if now is None:
                raise StoppedError(f"the job {self._job} was removed while its answers were taken")
            if now.load != load:
                after, load = 0, now.load
            page = [] if now.state in _UNSETTLED else answers.page(now.id, after)
            if page:
                yield from page
                after = page[-1].seq
            elif now.state not in ACTIVE:
                return
            else:
                self._wait(answers, version)

    def _wait(self, answers: Answers, version: int) -> None:
        while not self._shut.wait(POLL_S) and answers.version() == version:
            pass

    def shut(self) -> None:
        """Yield no more."""
        self._shut.set()

    def cut_short(self) -> End | None:
        """Return the end of a job whose upstream has not done all of its own."""
        if self._last is None or self._last.state is JobState.FINISHED:
            return None
        left = f", with {self._last.left:,} left" if self._last.left else ""
        told = f"all that {self._job} has answered is done, but it is {self._last.state}{left}"
        return End(self._last.state, f"{told}; run both again to continue", self._last.exit_code or EXIT_STOPPED)


def fields_of(answer: AnswerRow, *, as_json: bool) -> Mapping[str, object]:
    """Return the fields of an item that comes of an answer: those it had, `output`, and what is in that.

    The keys of an output that is an object become fields, unless there is one of that name.
    """
    output: Any = _decode(json_of(answer.output))
    if as_json and isinstance(output, str):
        with suppress(ValueError, RecursionError):
            output = _decode(output)
    fields = _decode(answer.payload, type=dict[str, object]) | {OUTPUT: output}
    return {**(output if isinstance(output, dict) else {}), **fields}
