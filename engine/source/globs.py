"""What a folder or a glob stands for: files by their names, hidden ones left out."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path


def is_many(path: str) -> bool:
    """Return whether a path is a folder or a glob, and not a file that is called like one."""
    base, parts = split(path)
    return any(sign in part for part in parts for sign in "*?[") or (not parts and _is_folder(base))


def split(path: str) -> tuple[Path, tuple[str, ...]]:
    """Return as much of a path as there is, and the parts of the glob behind it, none for a folder or a file."""
    whole = Path(path)
    for base in (whole, *whole.parents):
        if os.path.exists(base):  # noqa: PTH110 - it never raises, whatever the name
            return base, whole.parts[len(base.parts) :]
    return Path(), whole.parts


def find(base: Path, parts: tuple[str, ...]) -> list[str]:
    """Return the files that a glob behind a folder names, or all below the folder, by their paths within it.

    They come in the order of their names, folder by folder. Raises OSError.
    """
    return sorted(set(_below(str(base), "", _whole(parts))), key=lambda name: name.split("/"))


def takes_in(path: str, other: str) -> bool:
    """Return whether a folder or a glob has, or would have, a file among its own."""
    if not is_many(path):
        return False
    base, parts = split(path)
    try:
        names = Path(other).resolve().relative_to(base.resolve()).parts
    except ValueError:
        return False
    return _fits(names, _whole(parts))


def _whole(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of a glob with what a folder, or `**` at its end, stands for."""
    return (*parts, "*") if parts[-1:] == ("**",) else parts or ("**", "*")


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not names or not parts:
        return not names and not parts
    if parts[0] == "**":
        return _fits(names, parts[1:]) or (_names(names[0], "*") and _fits(names[1:], parts))
    return _names(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _names(name: str, part: str) -> bool:
    """Return whether a part of a glob names a file or folder: hidden ones only if it begins with a dot."""
    return fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))


def _below(folder: str, inner: str, parts: Sequence[str]) -> Iterator[str]:
    """Yield the files within a folder; `inner` is where that folder is in the one where all began, with its slash."""
    head, *rest = parts
    if head == "**":
        yield from _below(folder, inner, rest)
        for entry in _entries(folder, "*"):
            if entry.is_dir(follow_symlinks=False):  # links may lead in circles
                yield from _below(entry.path, f"{inner}{entry.name}/", parts)
        return
    for entry in _entries(folder, head):
        if rest and entry.is_dir():
            yield from _below(entry.path, f"{inner}{entry.name}/", rest)
        elif not rest and entry.is_file():
            yield inner + entry.name


def _entries(folder: str, part: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [each for each in entries if _names(each.name, part)]


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - it never raises, whatever the name
