"""A program as a task: the words and the input it is given for an item, or the fields of a batch. Pure."""

from ..item import Item
from ..taskspec import CommandSpec
from .local import LocalTask
from .template import Template, compile_template


class CommandTask(LocalTask):
    """Writes what a program is started with for each item; of a batch it is given the fields as they are."""

    def __init__(self, spec: CommandSpec) -> None:
        super().__init__(f"command:{spec.command[0]}", spec.fields, whole=spec.takes != "item")
        self._words: tuple[Template, ...] = ()
        if spec.takes == "item":
            self._words = tuple(map(compile_template, spec.command))
        self._stdin = compile_template(spec.stdin) if spec.stdin else None

    def _given(self, item: Item) -> object:
        if not self._words:
            return super()._given(item)
        words = [each.render(item.fields) for each in self._words]
        stdin = self._stdin.render(item.fields) if self._stdin else super()._given(item)
        return {"words": words, "stdin": stdin}
