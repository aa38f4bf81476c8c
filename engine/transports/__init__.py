"""Where a call goes, by type of task: over HTTP, or to work that is done on this machine."""

from ..plugins import open_plugin
from ..taskspec import ChatSpec, CommandSpec, OpenAIBatchSpec, PluginSpec, PythonSpec, TaskSpec, TransformersSpec
from .around import Afar, Around
from .transport import Request, Response, Telling, Transport, TransportError, Warming

__all__ = ["Afar", "Around", "Request", "Response", "Telling", "Transport", "TransportError", "Warming", "open_worker"]


def open_worker(task: TaskSpec, around: Around | None = None) -> Transport | None:
    """Return what does the work of a task on this machine, for one job to use and close; None where HTTP does it.

    What needs more of the engine than that is made only where there is one `around` it.

    Raises TaskError when it can't be had: no such module, no such program.
    """
    match task:
        case PythonSpec():
            from .python import PythonTransport  # noqa: PLC0415 (what a job does not use is not imported)

            worker = PythonTransport(task)
        case CommandSpec():
            from .command import CommandTransport  # noqa: PLC0415

            worker = CommandTransport(task)
        case TransformersSpec():
            from .model import ModelTransport  # noqa: PLC0415

            worker = ModelTransport(task)
        case PluginSpec():
            from .plugged import open_plugged  # noqa: PLC0415

            worker = open_plugged(task.kind, open_plugin(task))
        case OpenAIBatchSpec() if around:
            from .batches import BatchTransport  # noqa: PLC0415

            worker = BatchTransport(task, around)
        case ChatSpec(images=(_, *_)) if around:
            from .images import ImageTransport  # noqa: PLC0415

            worker = ImageTransport(around.http)
        case _:
            worker = None
    return worker
