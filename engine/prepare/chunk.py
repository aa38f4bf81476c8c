"""Long texts in pieces, each of them a row."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, TypeAlias

import msgspec

from ..errors import SettingError
from ..preparespec import ChunkSpec
from ..source.row import Record
from ..tasks.tokens import counter
from .step import Drop, Place, Step, StepError, text_of

Split: TypeAlias = Callable[[str], Iterable[str]]

_MODELS: Final = {
    "o200k_base": "gpt-4o",
    "cl100k_base": "gpt-4",
    "p50k_base": "text-davinci-003",
    "r50k_base": "davinci",
}
"""Encodings whose vocabulary the splitter holds itself, each by a model that has it: they need no download."""
_BETWEEN_PARAGRAPHS: Final = re.compile(r"\n[^\S\n]*\n\s*")

_encode = msgspec.json.encode


def chunk(spec: ChunkSpec) -> Step:
    """Return the step; raises StepError."""
    split = _split(spec)

    def step(records: Iterator[Record], place: Place, drop: Drop) -> Iterator[Record]:
        for record in place.named(records, "field", [spec.field]):
            texts = [each for each in split(text_of(record.fields, spec.field)) if each.strip()]
            if not texts:
                drop(record, None)
            for number, text in enumerate(texts, 1):
                fields = {**record.fields, spec.field: text, "chunk": number, "chunks": len(texts)}
                yield Record(record.line, _key(record.key, number), fields, _encode(fields))

    return step


def _key(key: str, number: int) -> str:
    """Return the id of a piece, as `7#1`."""
    text: object = msgspec.json.decode(key)
    return _encode(f"{text}#{number}").decode()


def _split(spec: ChunkSpec) -> Split:
    if spec.overlap >= spec.size:
        raise StepError("overlap", f"{spec.overlap:,} must be less than the size, {spec.size:,}")
    split = _splitter(spec)
    if spec.by != "paragraph":
        return split
    return lambda text: chain.from_iterable(map(split, _BETWEEN_PARAGRAPHS.split(text)))


def _splitter(spec: ChunkSpec) -> Split:
    try:
        import semantic_text_splitter as library  # noqa: PLC0415 (an extra)
    except ImportError:
        raise StepError("step", "chunks need a library: pip install 'batchtop[prepare]'") from None
    kind = library.MarkdownSplitter if spec.by == "markdown" else library.TextSplitter
    if spec.tokenizer is None:
        return kind(spec.size, overlap=spec.overlap).chunks
    if model := _MODELS.get(spec.tokenizer):
        return kind.from_tiktoken_model(model, spec.size, overlap=spec.overlap).chunks
    try:
        count = counter(spec.tokenizer)
    except SettingError as error:
        raise StepError("tokenizer", str(error)) from error
    return kind.from_callback(count, spec.size, overlap=spec.overlap).chunks
