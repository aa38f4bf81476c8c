"""Which model an item goes to first, by the rules of its job, and which comes next. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from .answer import Answer
from .errors import SettingError
from .escalation import objection
from .expression import Expression, ExpressionError
from .item import Item
from .tasks.template import UnfitError, compile_template, text_of
from .taskspec import ChatSpec, Rule, TaskSpec, places

Fields: TypeAlias = Mapping[str, object]
Fits: TypeAlias = Callable[[Fields], bool]


class Rules:
    """The rules of one job, counted from 1; 0 stands for none, which is the task's own model.

    `tell` hears once of each rule that can't be asked of an item, which it then does not fit. Raises SettingError for
    an expression that can't be understood.
    """

    def __init__(self, task: TaskSpec, tell: Callable[[str], None] = lambda _told: None) -> None:
        self._rules = task.route
        own, *_ = known = places(task)
        self._own = _model(own.task)
        self._models = {place.rule: _model(place.task) for place in known if place.rule}
        self._fits = [_fits(task, number, rule) for number, rule in enumerate(self._rules)]
        self._tell = tell
        self._told: set[int] = set()

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._rules)

    def sort(self, item: Item) -> Item:
        """Return an item with the rule that sends it to a model."""
        return replace(item, rule=self.first(item)) if self._rules else item

    def first(self, item: Item) -> int:
        """Return the first rule that fits an item."""
        return next(self._chain(item), 0)

    def after(self, item: Item) -> int:
        """Return the rule that has the item next when its answer is no good: one with a model not asked before."""
        return next((rule for rule in self._chain(item) if rule > item.rule), 0)

    def objection(self, item: Item, answer: Answer, *, last: bool) -> str:
        """Return why an item's answer goes on to another model, or nothing; `last` where no other try will mend it."""
        return objection(self._rules[item.rule - 1].escalate_when, answer, last=last)

    def _chain(self, item: Item) -> Iterator[int]:
        """Yield the rules that fit an item, each model once; one that sends to the task's own ends it."""
        asked: set[tuple[str, ...]] = set()
        for number, fits in enumerate(self._fits, 1):
            model = self._models[number]
            if model in asked or not self._does_fit(number, fits, item):
                continue
            if model == self._own:
                return
            asked.add(model)
            yield number

    def _does_fit(self, number: int, fits: Fits, item: Item) -> bool:
        try:
            return fits(item.fields)
        except (ExpressionError, UnfitError) as error:
            if number not in self._told:
                self._told.add(number)
                self._tell(f"task.route[{number - 1}] does not fit item {item.key}, nor others like it: {error}")
            return False


def _model(task: TaskSpec) -> tuple[str, ...]:
    return (task.model, task.base_url, *task.api_key_env)


def _fits(task: TaskSpec, number: int, rule: Rule) -> Fits:
    """Return what tells whether all is so of an item that a rule asks for."""
    try:
        tests = list(_tests(task, rule))
    except ExpressionError as error:
        raise SettingError(f"task.route[{number}].when: {rule.when!r} is no expression: {error}") from None
    return lambda fields: all(test(fields) for test in tests)


def _tests(task: TaskSpec, rule: Rule) -> Iterator[Fits]:
    """Yield each thing that a rule asks for, the quickest first."""
    name = rule.field or ""
    if rule.values:
        wanted = frozenset(map(text_of, rule.values))
        yield lambda fields: name in fields and text_of(fields[name]) in wanted
    if (most := rule.shorter_than) is not None:
        length = _length_of(task, rule)
        yield lambda fields: length(fields) < most
    if rule.when:
        expression = Expression(rule.when)
        yield lambda fields: bool(expression(fields))


def _length_of(task: TaskSpec, rule: Rule) -> Callable[[Fields], int]:
    name = rule.field
    if name is not None:
        return lambda fields: len(text_of(fields.get(name, "")))
    prompt = compile_template(task.prompt if isinstance(task, ChatSpec) else "")
    return lambda fields: len(prompt.render(fields))


NO_RULES: Final = Rules(ChatSpec(model="none", prompt="none"))
"""Every item goes to the task's own model."""
