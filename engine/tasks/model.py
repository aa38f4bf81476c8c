"""A model on this machine as a task: the text that it is given of each item. Pure."""

from ..answer import Answer
from ..item import Item
from ..outcome import Outcome
from ..taskspec import TransformersSpec
from ..transports.transport import Response
from ..vector import Form, decode
from .local import LocalTask
from .task import Call, Reply, each_for_itself
from .template import compile_template
from .vectors import vector_answer


class ModelTask(LocalTask):
    """Writes the texts of a batch, and packs the vectors that come of them where no pipeline is named."""

    def __init__(self, spec: TransformersSpec) -> None:
        super().__init__(f"transformers:{spec.model}", whole=True)
        self._text = compile_template(spec.text)
        self._form: Form | None = None if spec.pipeline else spec.vectors

    def read(self, call: Call, response: Response) -> Reply:
        """Return each item's result; none counts where they are not as many as the items."""
        reply = super().read(call, response)
        if self._form is None or reply.message:
            return reply
        return each_for_itself(tuple(map(self._packed, reply.answers)))

    def _given(self, item: Item) -> object:
        return self._text.render(item.fields)

    def _packed(self, answer: Answer) -> Answer:
        """Return an answer with its vector packed; what a model makes besides, as lists of vectors, stays as it is."""
        if self._form is None or answer.outcome is not Outcome.OK:
            return answer
        try:
            sent = decode(answer.output)
        except ValueError:
            return answer
        return vector_answer(sent, self._form) if sent else answer
