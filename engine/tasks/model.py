"""A model on this machine as a task: the text that it is given of each item. Pure."""

from ..item import Item
from ..taskspec import TransformersSpec
from .local import LocalTask
from .template import compile_template


class ModelTask(LocalTask):
    """Writes the texts of a batch."""

    def __init__(self, spec: TransformersSpec) -> None:
        super().__init__(f"transformers:{spec.model}", whole=True)
        self._text = compile_template(spec.text)

    def _given(self, item: Item) -> object:
        return self._text.render(item.fields)
