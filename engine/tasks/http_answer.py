"""What a JSON API's answer says of each item: results by their paths, in a batch by place or by id. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from ..answer import Answer
from ..item import Item
from ..outcome import Outcome
from ..taskspec import HttpSpec
from ..text import plural
from .json_path import LostError, compile_path, told
from .template import compile_template, text_of


class CountError(Exception):
    """A list with more or fewer entries than items: which is whose, nobody can tell."""


class HttpAnswer:
    """Finds the results in an answer."""

    def __init__(self, spec: HttpSpec) -> None:
        self._conditions = [(compile_path(path, "task.ok_when"), wanted) for path, wanted in spec.ok_when.items()]
        self._result = compile_path(spec.result, "task.result")
        self._results = compile_path(spec.results, "task.results") if spec.takes == "batch" else None
        self._item_id = compile_template(spec.item_id) if spec.item_id else None
        self._result_id = compile_path(spec.result_id, "task.result_id") if spec.result_id else None
        self._may_be_an_error = bool(spec.result or spec.ok_when) or spec.takes == "batch"
        self.may_be_empty = not (spec.result or spec.results or spec.item_id or spec.ok_when)
        """Whether an answer without a body will do."""

    def read(self, answer: object, items: Sequence[Item]) -> tuple[Answer, ...]:
        """Return each item's answer; raises LostError or CountError where the whole is not as it should be."""
        self._check(answer)
        if self._results is None:
            return (_ok(self._result.find(answer)),)
        found = self._results.find(answer)
        if self._item_id is not None:
            return self._by_id(self._entries_by_id(found), list(map(self.id_of, items)))
        entries = self._list(found)
        if len(entries) != len(items):
            raise CountError(f"{plural(len(items), 'item')} sent, {plural(len(entries), 'result')} came back")
        return tuple(map(self._entry, entries))

    def id_of(self, item: Item) -> str:
        """Return what an item is known by, nothing where that is its place; raises UnfitError where it has no id."""
        return self._item_id.render(item.fields) if self._item_id else ""

    def _check(self, answer: object) -> None:
        error = None if self._may_be_an_error else _error_in(answer)
        if error:
            why = f"the answer's 'error' is {_brief(error)}"
            raise LostError(f"{why}; where that is no failure, have task.ok_when or task.result say what is right")
        for path, wanted in self._conditions:
            found = path.find(answer)
            if found != wanted or isinstance(found, bool) is not isinstance(wanted, bool):
                raise LostError(f"{path.key}: {path.text!r} is {_brief(found)}, not {_brief(wanted)}")

    def _list(self, found: object) -> list[object]:
        if not isinstance(found, list):
            where = repr(self._results.text) if self._results and self._results.text else "the answer"
            raise LostError(f"task.results: {where} {told(found)}, where a list with an entry for each item is wanted")
        return cast("list[object]", found)

    def _entry(self, entry: object) -> Answer:
        try:
            return _ok(self._result.find(entry, "its entry"))
        except LostError as error:
            return Answer(Outcome.BAD_ITEM, message=str(error))

    def _entries_by_id(self, found: object) -> Mapping[str, Sequence[object]]:
        if self._result_id is None and isinstance(found, dict):
            return {name: (entry,) for name, entry in cast("dict[str, object]", found).items()}
        if self._result_id is None:
            raise LostError(f"task.results: a table by id is wanted, as task.result_id is not set; it {told(found)}")
        entries: dict[str, list[object]] = {}
        lost: LostError | None = None
        for entry in self._list(found):
            try:
                entries.setdefault(text_of(self._result_id.find(entry, "an entry")), []).append(entry)
            except LostError as error:
                lost = error
        if lost and not entries:
            raise lost
        return entries

    def _by_id(self, entries: Mapping[str, Sequence[object]], ids: Sequence[str]) -> tuple[Answer, ...]:
        """Return the answer of each id; an item whose id, or entry, is one of several goes again by itself."""
        sent = Counter(ids)
        return tuple(self._of_id(name, entries.get(name, ()), sent[name]) for name in ids)

    def _of_id(self, name: str, entries: Sequence[object], items: int) -> Answer:
        if len(entries) == 1 and items == 1:
            return self._entry(entries[0])
        many = f"{items} items have it" if items > 1 else f"{len(entries)} entries have it"
        why = f"{many}, so which is whose can't be told" if entries else "no entry has it"
        return Answer(Outcome.SHORT_REPLY, message=f"of id {name!r} there is no result: {why}")


def _ok(result: object) -> Answer:
    return Answer(Outcome.OK, msgspec.json.encode(result))


def _error_in(answer: object) -> object:
    return cast("dict[str, object]", answer).get("error") if isinstance(answer, dict) else None


def _brief(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}..."
