"""Models of Hugging Face's libraries: loaded once for a job, and asked one batch after the other in one thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw

from ..errors import TaskError
from ..outcome import Outcome
from ..settings import did_you_mean
from ..tasks.local import Result
from ..taskspec import TransformersSpec
from ..text import safe
from .portions import Portions, TooLargeError
from .transport import Request, Response, TransportError

Run: TypeAlias = Callable[[Sequence[str]], Sequence[object]]

_EXTRA: Final = "a model on this machine needs more than is installed: pip install 'batchtop[models]'"
_NO_MEMORY: Final = ("can't allocate memory", "not enough memory", "out of memory")
"""What a RuntimeError says where memory is short, and no type of its own does."""


class ModelTransport:
    """Answers each call with what the model makes of its texts; raises TaskError where the model can't be had."""

    def __init__(self, spec: TransformersSpec) -> None:
        self._torch = _library("torch")
        self._run = _load(spec, self._device(spec.device))
        self._portions = Portions(self._results, _too_large)
        self._thread = ThreadPoolExecutor(1, "batchtop-model")
        self.told: list[str] = []
        """What a person should know of it, oldest first; whoever tells it takes it out."""

    @property
    def connections(self) -> int:
        """None are its own."""
        return 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 (nothing breaks it off)
        """Return what the model makes of the texts in the request; raises TransportError."""
        texts = msgspec.json.decode(request.body, type=list[str])
        before = self._portions.most
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._portions, texts)
        except Exception as error:
            raise TransportError(Outcome.BAD_ITEM, safe(f"{type(error).__name__}: {error}")) from error
        if (most := self._portions.most) and most != before:
            self.told.append(f"memory has room for {most} items at once, and not for twice as many")
        return Response(200, {}, msgspec.json.encode(results))

    async def aclose(self) -> None:
        """Let the model go once it has done what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _results(self, texts: Sequence[str]) -> list[Result]:
        try:
            outputs = self._run(texts)
        except Exception as error:
            if not self._is_memory(error):
                raise
            self._torch.cuda.empty_cache()
            raise TooLargeError(str(error)) from error
        return [Result(output=Raw(msgspec.json.encode(output, enc_hook=_plain))) for output in outputs]

    def _is_memory(self, error: Exception) -> bool:
        if isinstance(error, MemoryError | self._torch.OutOfMemoryError):
            return True
        return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)

    def _device(self, wanted: str) -> str:
        torch = self._torch
        if wanted == "auto":
            return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            torch.zeros(1, device=wanted)
        except (RuntimeError, AssertionError) as error:  # the latter: torch was built without it
            raise TaskError(f"task.device: {wanted!r} can't be used here: {_first_line(error)}") from error
        return wanted


def _load(spec: TransformersSpec, device: str) -> Run:
    name = _place(spec)
    talk = _library("transformers").utils.logging
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    make = _pipeline if spec.pipeline else _encoder
    try:
        return make(spec, name, device)
    except TaskError:
        raise
    except Exception as error:
        where = "" if Path(name).is_dir() else f", which is no folder in {spec.path or '.'} and was not fetched before,"
        raise TaskError(f"task.model: {spec.model}{where} can't be loaded: {_first_line(error)}") from error


def _place(spec: TransformersSpec) -> str:
    """Return where a model lies, so that nobody is asked over the network for what is here; else its name."""
    folder = Path(spec.path, spec.model)
    if folder.is_dir():
        return str(folder)
    try:
        return str(_library("huggingface_hub").snapshot_download(spec.model, local_files_only=True))
    except (OSError, ValueError):
        return spec.model


def _encoder(spec: TransformersSpec, name: str, device: str) -> Run:
    model = _library("sentence_transformers").SentenceTransformer(name, device=device)
    return lambda texts: _each(
        model.encode(texts, **{"batch_size": len(texts), "show_progress_bar": False, **spec.parameters})
    )


def _each(made: Any) -> Sequence[object]:  # noqa: ANN401 (an array of NumPy's, or a tensor)
    """Return the vector of each text: float32 little-endian, which JSON has as base64, where it is one of floats."""
    if getattr(made, "ndim", 0) == 2 and hasattr(made, "astype") and made.dtype.kind == "f":
        return [vector.tobytes() for vector in made.astype("<f4")]
    return made.tolist()


def _pipeline(spec: TransformersSpec, name: str, device: str) -> Run:
    library = _library("transformers")
    try:
        library.pipelines.check_task(spec.pipeline)
    except KeyError:
        near = did_you_mean(str(spec.pipeline), library.pipelines.get_supported_tasks())
        raise TaskError(f"task.pipeline: {spec.pipeline!r} is no pipeline{near}") from None
    pipeline = library.pipeline(spec.pipeline, model=name, device=device)
    tokenizer = getattr(pipeline, "tokenizer", None)
    if tokenizer is not None and tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # texts of one batch are made as long as each other

    def run(texts: Sequence[str]) -> Sequence[object]:
        outputs = pipeline(list(texts), **{"batch_size": len(texts), **spec.parameters})
        return [outputs] if spec.pipeline == "fill-mask" and len(texts) == 1 else outputs  # that one drops the list

    return run


def _library(name: str) -> Any:  # noqa: ANN401 (it may not be installed, so its types aren't known)
    try:
        return import_module(name)
    except ImportError as error:
        raise TaskError(f"task.type: {_EXTRA} ({name} is missing)") from error


def _too_large(error: TooLargeError) -> Result:
    return Result(error=f"not even this item alone has room in memory: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return safe(str(error).strip().partition("\n")[0] or type(error).__name__)


def _plain(value: Any) -> object:  # noqa: ANN401 (a tensor or a NumPy number)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a result of type {type(value).__name__} is no JSON")
