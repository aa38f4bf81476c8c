"""How many tokens a prompt has: by a model's own vocabulary where a job names one, else by its bytes."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from ..errors import SettingError
from ..settings import did_you_mean
from ..text import clean

BYTES_PER_TOKEN: Final = 4
"""English runs at about four; other scripts take more bytes a character, and more tokens too."""

LONGEST: Final = 100_000
"""Characters counted at once; a cut costs a token at most, and a text of one endless word keeps nobody waiting."""

Sizer: TypeAlias = Callable[[bytes, Iterable[str], int], int]
"""Returns the tokens of a request from its body, or from the texts in it and what each takes besides."""


def sizer(tokenizer: str | None) -> Sizer:
    """Return how a job counts what it sends; raises SettingError for a tokenizer that can't be had."""
    if tokenizer is None:
        return lambda body, _texts, _besides: len(body) // BYTES_PER_TOKEN
    count = counter(tokenizer)
    return lambda _body, texts, besides: sum(count(text) + besides for text in texts)


def counter(name: str) -> Callable[[str], int]:
    """Return what counts the tokens of a text with an encoding of tiktoken; raises SettingError.

    A name's first use reads its vocabulary from tiktoken's cache, or downloads it: some MB, some tenths of a second.
    """
    try:
        import tiktoken  # noqa: PLC0415 (an extra, and slow to import)
    except ImportError:
        raise SettingError("counting tokens needs tiktoken: pip install 'batchtop[tokens]'") from None
    known = tiktoken.list_encoding_names()
    if name not in known:
        raise SettingError(f"{name!r} is no encoding of tiktoken{did_you_mean(name, known)}")
    try:
        encode = tiktoken.get_encoding(name).encode_ordinary
    except (OSError, ValueError) as error:
        raise SettingError(
            f"the vocabulary of {name} can't be had ({clean(str(error), 160)}): let this machine download it once,"
            " or have TIKTOKEN_CACHE_DIR name a folder that holds it"
        ) from error
    return lambda text: sum(len(encode(text[start : start + LONGEST])) for start in range(0, len(text), LONGEST))
