"""A job as far as a person has typed it: which fields it has, what stands in for an empty one, what is wrong. Pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ...engine.job import NAME, VARIABLE
from ...engine.settings import did_you_mean
from ...engine.tasks.template import compile_template
from ...engine.taskspec import OPENAI_URL, default_keys
from ...engine.text import looks_like_key

Kind: TypeAlias = Literal["chat", "embeddings"]
Entry: TypeAlias = Literal[
    "kind", "model", "base_url", "key_env", "id", "name", "output", "preset", "max_tokens", "price_in", "price_out"
]
"""What the second step asks for."""

KINDS: Final[Mapping[Kind, str]] = {"chat": "one answer an item", "embeddings": "one vector an item"}
ENTRIES: Final[tuple[Entry, ...]] = (
    "kind", "model", "base_url", "key_env", "id", "name", "output", "preset", "max_tokens", "price_in", "price_out"
)  # fmt: skip
KEY_TYPED: Final = "that is a key itself: give the NAME of the variable that holds it; the key is not kept"
_CHAT_ONLY: Final = frozenset[Entry]({"max_tokens", "price_out"})

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_BARE_KEY = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{24,}")
"""A key of the sort that has no mark of its own; names of so many letters have an '_' in them."""
_HIGHEST_PRICE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in each field, as typed; an empty one means its default."""

    path: str = ""
    kind: Kind = "chat"
    model: str = ""
    base_url: str = ""
    key_env: str = ""
    """Names of variables, between spaces or commas."""
    id: str = ""
    """A field of the rows; empty means the row number."""
    name: str = ""
    output: str = ""
    preset: str = ""
    max_tokens: str = ""
    price_in: str = ""
    price_out: str = ""
    system: str = ""
    prompt: str = ""
    """What is asked; for embeddings the text."""
    job_file: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the second step asks for this kind of task."""
        return tuple(each for each in ENTRIES if self.kind == "chat" or each not in _CHAT_ONLY)

    @property
    def input(self) -> Path:
        """The file of items."""
        return absolute(self.path)

    @property
    def url(self) -> str:
        """Where the job sends."""
        return self.base_url.strip().rstrip("/") or OPENAI_URL

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables that hold the keys."""
        return tuple(_words(self.key_env)) or self.default_keys

    @property
    def default_keys(self) -> tuple[str, ...]:
        """The variables of a server that is given none."""
        return default_keys(self.url)

    @property
    def output_file(self) -> Path:
        """Where the answers go: beside the input, unless it is said otherwise."""
        return self.input.parent / expanded(self.output or f"{self.name}.out.jsonl")

    @property
    def file(self) -> Path:
        """The job file: beside the input, unless it is said otherwise."""
        return self.input.parent / expanded(self.job_file or f"{self.name}.toml")

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """What is sent, and as what, before the fields are put in; without what is empty."""
        said = (("system", self.system), ("user", self.prompt)) if self.kind == "chat" else (("text", self.prompt),)
        return tuple((role, text) for role, text in said if text)


def expanded(typed: str) -> Path:
    """Return a path as typed, with `~` for the home folder."""
    try:
        return Path(typed).expanduser()
    except RuntimeError:  # there is no such user
        return Path(typed)


def absolute(typed: str) -> Path:
    """Return a path as typed, from the folder that the program was started in."""
    return expanded(typed).absolute()


def for_file(draft: Draft, fields: Collection[str], taken: Collection[str], given: str = "") -> Draft:
    """Return the draft for its input, which has these fields: no id that is not there, and a free name.

    A name stays that was typed: any but the one that was `given` for another file.
    """
    name = free_name(draft.input.stem, taken) if draft.name in {"", given} else draft.name
    return replace(draft, name=name, id=draft.id if draft.id in fields else "")


def free_name(stem: str, taken: Collection[str]) -> str:
    """Return a name for a job, made of a file's name, that none of `taken` is."""
    base = _NOT_IN_NAMES.sub("-", stem).strip("-.")[:90] or "job"
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(name for name in numbered if name not in taken)


def problem(draft: Draft, entry: Entry, fields: Sequence[str]) -> str:
    """Return what is wrong with an entry of the second step, or nothing."""
    typed: str = getattr(draft, entry).strip()
    if entry == "id":
        return "" if not typed or draft.id in fields else f"no field {draft.id!r}{did_you_mean(draft.id, fields)}"
    is_right, told = _CHECKS.get(entry, _ANYTHING)
    return "" if is_right(typed) else KEY_TYPED if entry == "key_env" and holds_key(typed) else told


def _is_url(typed: str) -> bool:
    return not typed or typed.lower().startswith(("http://", "https://"))


def _are_variables(typed: str) -> bool:
    return not holds_key(typed) and all(VARIABLE.fullmatch(name) for name in _words(typed))


def _is_price(typed: str) -> bool:
    return not typed or price(typed) is not None


def holds_key(typed: str) -> bool:
    """Return whether somebody typed a key where the name of its variable is wanted."""
    return any(looks_like_key(word) or _BARE_KEY.fullmatch(word) for word in _words(typed))


def template_problem(draft: Draft) -> str:
    """Return what is wrong with the texts to send, or nothing."""
    if not draft.prompt:
        return "the prompt is empty" if draft.kind == "chat" else "the text is empty"
    for role, text in draft.texts:
        try:
            compile_template(text)
        except ValueError as error:
            return f"{'prompt' if role == 'user' else role}: {error}"
    return ""


def unknown_fields(draft: Draft, fields: Sequence[str]) -> list[str]:
    """Return a sentence for each `{field}` of the texts that no row of the sample has."""
    named = dict.fromkeys(name for _, text in draft.texts for name in _fields(text))
    return [f"{{{name}}}: no such field{did_you_mean(name, fields)}" for name in named if name not in fields]


def _fields(text: str) -> tuple[str, ...]:
    try:
        return compile_template(text).fields
    except ValueError:
        return ()


def as_field(name: str) -> str:
    """Return how a template names a field; nothing where it can't, or where the name can't be shown."""
    return f"{{{name}}}" if name.isprintable() and not set(name) & set("{}") else ""


def whole(typed: str) -> int | None:
    """Return a whole number above 0 as typed: `500`, `1,000`; else None."""
    digits = re.sub(r"[,_ ](?=\d{3}(?!\d))", "", typed.strip())
    return int(digits) or None if re.fullmatch(r"[0-9]{1,9}", digits) else None


def price(typed: str) -> float | None:
    """Return USD per million tokens as typed: `0.15`, `$2`; else None."""
    digits = typed.strip().removeprefix("$")
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{0,12})?|\.[0-9]{1,12}", digits):
        return None
    return found if (found := float(digits)) <= _HIGHEST_PRICE else None


def _words(typed: str) -> list[str]:
    return typed.replace(",", " ").split()


_PRICE: Final = (_is_price, "USD per million tokens, as in 0.15, or nothing")
_ANYTHING: Final[tuple[Callable[[str], bool], str]] = (lambda _typed: True, "")
_CHECKS: Final[Mapping[Entry, tuple[Callable[[str], bool], str]]] = {
    "model": (bool, "the model's name is wanted, as its server spells it"),
    "base_url": (_is_url, f"begins with http:// or https://, as in {OPENAI_URL}"),
    "key_env": (_are_variables, "names of environment variables: letters, digits and '_'"),
    "name": (
        lambda typed: NAME.fullmatch(typed) is not None,
        "letters, digits, '.', '_' and '-', a letter or digit first, 100 at most",
    ),
    "output": (lambda typed: typed != "-", "a file is wanted: standard output is the dashboard's"),
    "max_tokens": (lambda typed: not typed or whole(typed) is not None, "a whole number from 1, or nothing"),
    "price_in": _PRICE,
    "price_out": _PRICE,
}
"""What an entry takes, and what is said of anything else."""
