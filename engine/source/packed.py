"""Files as they are, and compressed ones, read as they are unpacked."""

import zlib
from bz2 import BZ2File
from collections.abc import Callable, Generator
from contextlib import contextmanager
from gzip import GzipFile
from importlib import import_module
from io import BufferedReader
from lzma import LZMAError, LZMAFile
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

from ..errors import InputError
from .files import InputFile

Damage: TypeAlias = tuple[type[Exception], ...]
"""What a library raises at bytes that it can't unpack, besides OSError without a number."""

Unpack: TypeAlias = Callable[[BinaryIO], Any]
"""Makes a file of what is compressed in another."""

_BUFFER: Final = 1 << 20
_LEAST_BUFFER: Final = 1 << 13

_STANDARD: Final[dict[str, tuple[Unpack, Damage]]] = {
    ".gz": (lambda raw: GzipFile(fileobj=raw), (zlib.error,)),
    ".bz2": (BZ2File, ()),
    ".xz": (LZMAFile, (LZMAError,)),
}


class Opened(NamedTuple):
    """A file that is being read."""

    name: str
    """Its path within the folder that is read, or its name."""
    file: BinaryIO
    """What it holds, unpacked."""
    tell: Callable[[], int]
    """Returns how many bytes are read of what lies on the disk."""


@contextmanager
def opened(found: InputFile) -> Generator[Opened]:
    """Open a file, and unpack it where its name says that it is compressed; raises InputError, on reading it too."""
    unpack, damage = _unpacker(found)
    try:
        with found.path.open("rb", buffering=min(_BUFFER, max(_LEAST_BUFFER, found.size))) as raw, unpack(raw) as file:
            yield Opened(found.name, file, raw.tell)
    except EOFError:
        told = "is cut off, or still being written: what is compressed in it ends too soon"
        raise InputError(f"{found.told}: {told}") from None
    except (OSError, *damage) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{found.told}: {error.strerror or error}") from None
        raise InputError(f"{found.told}: is damaged, or not compressed as its name says ({error})") from None


def _unpacker(found: InputFile) -> tuple[Unpack, Damage]:
    ending = found.path.suffix.lower()
    if ending == ".zst":
        unpack, damage = _zstandard(found)
    elif ending in _STANDARD:
        unpack, damage = _STANDARD[ending]
    else:
        return lambda raw: raw, ()
    return lambda raw: BufferedReader(unpack(raw), _BUFFER), damage


def _zstandard(found: InputFile) -> tuple[Unpack, Damage]:
    """Return the reader of Python 3.14, or the same one made for earlier versions."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            zstd: Any = import_module(name)
        except ImportError:
            continue
        return zstd.ZstdFile, (zstd.ZstdError,)
    raise InputError(f"{found.told}: .zst needs backports.zstd: pip install 'batchtop[zstd]'")
