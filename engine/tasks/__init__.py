"""What a batch becomes, by type of task."""

from ..job import ChatSpec, TaskSpec
from .chat import ChatTask
from .embeddings import EmbeddingsTask
from .task import Call, Plan, Reply, Task

__all__ = ["Call", "Plan", "Reply", "Task", "build_task"]


def build_task(spec: TaskSpec, api_key: str | None) -> Task:
    """Return the task that `spec` describes, sending with one key (or none); raises AuthError for an unusable one."""
    return ChatTask(spec, api_key) if isinstance(spec, ChatSpec) else EmbeddingsTask(spec, api_key)
