"""What a batch becomes, by type of task."""

from ..plugins import open_plugin
from ..taskspec import (
    ChatSpec,
    CommandSpec,
    EmbeddingsSpec,
    HttpSpec,
    OpenAIBatchSpec,
    PluginSpec,
    PythonSpec,
    TaskSpec,
    TransformersSpec,
)
from .batch import BatchTask
from .chat import ChatTask
from .command import CommandTask
from .embeddings import EmbeddingsTask
from .http import HttpTask
from .local import LocalTask
from .model import ModelTask
from .plugged import PluggedTask
from .task import Call, Plan, Reply, Task

__all__ = ["Call", "Plan", "Reply", "Task", "build_task"]


def build_task(spec: TaskSpec, api_key: str | None) -> Task:
    """Return the task that `spec` describes, sending with one key (or none).

    Raises AuthError for an unusable key, TaskError for a type that no package adds here.
    """
    match spec:
        case ChatSpec():
            task = ChatTask(spec, api_key)
        case EmbeddingsSpec():
            task = EmbeddingsTask(spec, api_key)
        case OpenAIBatchSpec():
            task = BatchTask(spec, api_key, build_task(spec.asked, api_key))
        case PythonSpec():
            task = LocalTask(f"python:{spec.call}", spec.fields, whole=spec.takes != "item")
        case CommandSpec():
            task = CommandTask(spec)
        case TransformersSpec():
            task = ModelTask(spec)
        case HttpSpec():
            task = HttpTask(spec, api_key)
        case PluginSpec():
            task = PluggedTask(spec.kind, open_plugin(spec), api_key)
    return task
