"""A draft as a job file: TOML that reads as a person would have written it, and means what was typed. Pure."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from .draft import Draft, price, whole

_ESCAPES: Final = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\r": "\\r"}
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What TOML has no room for, or nobody sees; not the tab and the line feed."""
_SPECIAL = re.compile(r"[\\\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLOSING = re.compile(r'"(?="")|"\Z')
"""A quote that would be part of the three that end a text."""


def job_text(draft: Draft) -> str:
    """Return the job file that a draft comes to."""
    tables = {
        "input": _input(draft),
        "task": _task(draft),
        "settings": _present(("preset", draft.preset)),
        "output": iter([("path", text_of(_beside(draft.file, draft.output_file)))]),
    }
    lines = [f"name = {text_of(draft.name)}"]
    for table, entries in tables.items():
        rows = [f"{key} = {value}" for key, value in entries]
        lines += ["", f"[{table}]", *rows] if rows else []
    return "\n".join(lines) + "\n"


def _input(draft: Draft) -> Iterator[tuple[str, str]]:
    yield "path", text_of(_beside(draft.file, draft.input))
    yield from _present(("id", draft.id))


def _task(draft: Draft) -> Iterator[tuple[str, str]]:
    is_chat = draft.kind == "chat"
    yield "type", text_of(draft.kind)
    yield "model", text_of(draft.model.strip())
    yield from _present(("base_url", draft.base_url.strip()))
    if draft.keys:
        yield "api_key_env", f"[{', '.join(map(text_of, draft.keys))}]"
    yield from _present(("system", draft.system if is_chat else ""))
    yield "prompt" if is_chat else "text", text_of(draft.prompt)
    if is_chat and (most := whole(draft.max_tokens)):
        yield "max_tokens", str(most)
    for key, typed in (("price_in", draft.price_in), ("price_out", draft.price_out if is_chat else "")):
        if (usd := price(typed)) is not None:
            yield key, repr(usd)


def _present(*entries: tuple[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, text_of(value)) for key, value in entries if value)


def _beside(job_file: Path, path: Path) -> str:
    """Return a path as the job file names it: short where it is in the same folder, or below."""
    folder = job_file.absolute().parent
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def text_of(text: str) -> str:
    """Return a TOML string: over several lines where the text has them, without escapes where it can do without."""
    if "\n" in text:
        return f"'''\n{text}'''" if _is_better_raw(text, "'''", ("\\", '"""')) else _lines(text)
    if _is_better_raw(text, "'", ("\\", '"')):
        return f"'{text}'"
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def _is_better_raw(text: str, quote: str, awkward: Sequence[str]) -> bool:
    """Return whether a text holds what would have to be escaped, and can stand between quotes that know no escapes."""
    can_be = quote not in text and not text.endswith("'") and not _UNSEEN.search(text)
    return can_be and any(each in text for each in awkward)


def _lines(text: str) -> str:
    """Return a text between triple quotes, whose first line end TOML drops."""
    return '"""\n' + _CLOSING.sub('\\\\"', _escaped(text)) + '"""'


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)
