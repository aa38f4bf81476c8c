"""What is asked of whom: each type of task as the job file has it. Frozen, strict, and without any secret."""

import shlex
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta, Struct

from .shape import texts_in
from .text import clean

OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY_ENV: Final = "OPENAI_API_KEY"

Filled: TypeAlias = Annotated[str, Meta(min_length=1)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]
Takes: TypeAlias = Literal["item", "batch", "columns"]
Mode: TypeAlias = Literal["async", "thread", "process"]


class Fallback(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another model or server that a job goes to while the ones before it are in trouble; what is None is the task's.

    Vectors of different models can't be compared: for embeddings, name the same model elsewhere.
    """

    model: Filled | None = None
    base_url: Filled | None = None
    api_key_env: tuple[str, ...] | None = None
    """None means the task's on the task's own server, and else what a task on that server has."""
    price_in: Price | None = None
    """USD per million tokens; None means the task's price for the task's own model, and else unknown."""
    price_out: Price | None = None
    rpm: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    """Requests a minute of each of its keys; 0 means that no limit is known."""
    tpm: Annotated[int, Meta(ge=0, le=10_000_000_000)] = 0


Scalar: TypeAlias = str | int | float | bool
Flaw: TypeAlias = Literal["invalid", "refusal", "cut", "error"]
"""It is not JSON or not what the schema wants; no text or words of refusal; cut at the token limit; failed for good."""


class Check(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer must not be: a number below one, or a text that a pattern is found in."""

    field: Filled | None = None
    """The path of it in an answer that is JSON, as `confidence`; None means the whole answer."""
    below: float | None = None
    matches: Filled | None = None
    """A regular expression."""


class Rule(Fallback, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model or server that some items go to at first: those for which all that the rule asks for is so."""

    when: Filled | None = None
    """An expression over the item's fields."""
    field: Filled | None = None
    """The field that `values` and `shorter_than` are about."""
    values: tuple[Scalar, ...] = ()
    """It is one of these."""
    shorter_than: Positive | None = None
    """It has fewer characters; without a field, the prompt has."""
    escalate_when: tuple[Flaw | Check, ...] = ()
    """An answer that is so goes on: to the next rule that fits the item, or else to the task's own model."""


class ChatSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="chat"):
    """One chat completion an item."""

    model: Filled
    prompt: Filled
    """A template over the item's fields."""
    base_url: Filled = OPENAI_URL
    api_key_env: tuple[str, ...] = ()
    """Names of the environment variables that hold keys; none for a server without keys."""
    system: Filled | None = None
    """A template for the message before the prompt."""
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    max_tokens: Positive | None = None
    parameters: dict[str, object] = {}
    """Merged into the body of every request, over what batchtop puts there."""
    on_length: Literal["keep", "retry", "fail"] = "keep"
    """What becomes of an answer that the token limit cut short."""
    tokenizer: Filled | None = None
    """An encoding of tiktoken that counts what is sent, as `o200k_base`; None means bytes / 4."""
    price_in: Price | None = None
    """USD per million tokens."""
    price_out: Price | None = None
    fallback: tuple[Fallback, ...] = ()
    """Where to go in trouble, in this order."""
    route: tuple[Rule, ...] = ()
    """Where some items go at first; the first rule that fits an item has it."""
    schema: dict[str, object] | None = None
    """A JSON schema that each answer keeps; the output is then the value that it is, not its text."""
    strict: bool = False
    """Whether the server is asked to let the model write nothing else, which not every server and schema allows."""
    images: tuple[Filled, ...] = ()
    """Templates of pictures that go with the prompt: paths, http(s) URLs, or data URLs."""
    stream: bool = False
    """Whether answers are asked for piece by piece, so that it is known when each began."""
    path: str = ""
    """The folder where pictures are looked for: the job file's own."""

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        return (self.prompt, self.system or "", *self.images)


class EmbeddingsSpec(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="embeddings"
):
    """One vector an item, many items a request."""

    model: Filled
    text: Filled
    """A template over the item's fields."""
    base_url: Filled = OPENAI_URL
    api_key_env: tuple[str, ...] = ()
    dimensions: Positive | None = None
    tokenizer: Filled | None = None
    """An encoding of tiktoken that counts what is sent, as `cl100k_base`; None means bytes / 4."""
    price_in: Price | None = None
    """USD per million tokens."""
    fallback: tuple[Fallback, ...] = ()
    """Where to go in trouble, in this order."""
    route: ClassVar[tuple[Rule, ...]] = ()

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        return (self.text,)


class _FreeSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every task has that asks no provider: no key, no tokens, no price, nowhere else to go."""

    base_url: ClassVar[str] = ""
    api_key_env: ClassVar[tuple[str, ...]] = ()
    tokenizer: ClassVar[None] = None
    price_in: ClassVar[float | None] = 0.0
    price_out: ClassVar[float | None] = 0.0
    fallback: ClassVar[tuple[Fallback, ...]] = ()
    route: ClassVar[tuple[Rule, ...]] = ()


class PythonSpec(_FreeSpec, frozen=True, tag_field="type", tag="python"):
    """A function of the user's own, called on this machine."""

    call: Filled
    """`module:function`; it may be a coroutine function."""
    takes: Takes = "item"
    """The fields of one item; or, for as many results, a list of those of a whole batch, or a list for each field."""
    mode: Mode | None = None
    """Where it runs; None means the event loop for a coroutine function, and else a thread."""
    workers: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Processes at most, for `mode = "process"`; None means as many as there are cores."""
    fields: tuple[Filled, ...] = ()
    """The fields that it is given, and its result depends on; none means all."""
    version: str = ""
    """Any text: another one has every item done again."""
    path: str = ""
    """The folder where its module is looked for first; the job file's own, unless it is given."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return self.call

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its result depends on; None for the whole row."""
        return tuple(f"{{{field}}}" for field in self.fields) or None


class CommandSpec(_FreeSpec, frozen=True, tag_field="type", tag="command"):
    """A program, started on this machine without a shell."""

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The program and its words; where it is started for each item they are templates over the item's fields."""
    takes: Literal["item", "batch", "stream"] = "item"
    """Whether it is started for each item, for each batch, with a line an item, or stays and answers line by line."""
    stdin: Filled | None = None
    """A template of what it is given for an item; None means the fields as JSON."""
    fields: tuple[Filled, ...] = ()
    """The fields that it is given, and its answer depends on; none means all."""
    version: str = ""
    """Any text: another one has every item done again."""
    path: str = ""
    """The folder it is started in: the job file's own."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return clean(shlex.join(self.command), 60)

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        words = self.command if self.takes == "item" else ()
        given = (self.stdin,) if self.stdin else tuple(f"{{{field}}}" for field in self.fields)
        return (*given, *words) if given else None


class TransformersSpec(_FreeSpec, frozen=True, tag_field="type", tag="transformers"):
    """A model of Hugging Face's libraries, run on this machine."""

    model: Filled
    """Its folder, or its name on the hub."""
    text: Filled
    """A template over the item's fields."""
    pipeline: Filled | None = None
    """What it does, as `text-classification`; None means a vector of each text, by sentence-transformers."""
    device: Filled = "auto"
    """Where it runs, as `cpu` or `cuda:1`; `auto` means the first GPU, where there is one."""
    parameters: dict[str, object] = {}
    """Given to each call of the pipeline, or of `encode`."""
    path: str = ""
    """The folder where its folder is looked for: the job file's own."""

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on."""
        return (self.text,)


class HttpSpec(_FreeSpec, frozen=True, tag_field="type", tag="http"):
    """A request to any JSON API: one for each item, or one for a batch."""

    url: Filled
    """A template over the item's fields, which may stand in its path and its query."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = {}
    """Templates over the item's fields; never a key."""
    body: dict[str, object] | list[object] | str | None = None
    """JSON whose texts are templates; None means the fields as they are, where the method has a body."""
    takes: Literal["item", "batch"] = "item"
    """Whether each item has a request of its own, or a batch is one; its items stand where the body says "{items}"."""
    item: dict[str, object] | list[object] | str | None = None
    """What each item of a batch gives, as `body`; None means its fields as they are."""
    result: str = ""
    """The path of an item's result in the answer, or in its entry of a batch's `results`; all of it where empty."""
    results: str = ""
    """The path of the list with an entry for each item of a batch."""
    item_id: Filled | None = None
    """A template of what an item of a batch is known by in the answer; None means by its place in the list."""
    result_id: Filled | None = None
    """The path in an entry of what its item is known by; None means by its name, in a table instead of a list."""
    ok_when: dict[str, object] = {}
    """What has to stand in an answer at these paths, lest it be a refusal."""
    api_key_env: tuple[str, ...] = ()  # pyright: ignore[reportIncompatibleVariableOverride] (other free tasks have none)
    """Names of the environment variables that hold keys; none for a server without keys."""
    key_header: Filled = "Authorization: Bearer {key}"
    """The header that the key goes in."""
    price_per_request: Price | None = None
    """USD; None means that it is unknown."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return "http"

    @property
    def base_url(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The server: whatever is asked of it with one key keeps to the same limits."""
        return "/".join(self.url.partition("?")[0].split("/", 3)[:3])

    @property
    def has_body(self) -> bool:
        """Whether its requests have one."""
        return self.body is not None or self.method in {"POST", "PUT", "PATCH"}

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        given = self.item if self.takes == "batch" else self.body
        if given is None and self.has_body:
            return None
        return (*(text for _, text in texts_in(given)), self.url, *self.headers.values(), self.item_id or "")


class PluginSpec(_FreeSpec, frozen=True, tag_field="type", tag="plugin"):
    """A task of a type that another package adds; it can be read without that package."""

    kind: Filled
    """The type's name."""
    options: dict[str, object] = {}
    """What the job file says of it, as its package understands it."""
    texts: tuple[str, ...] = ()
    """The templates whose fields its answer depends on; none means the whole row."""
    api_key_env: tuple[str, ...] = ()  # pyright: ignore[reportIncompatibleVariableOverride] (other free tasks have none)
    """Names of the environment variables that hold keys."""
    path: str = ""
    """The job file's folder."""

    @property
    def model(self) -> str:
        """What is asked, for people to know it by."""
        return str(self.options.get("model", self.kind))

    @property
    def base_url(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The server that is asked, where the options name one."""
        return str(self.options.get("base_url", ""))

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        return self.texts or None


class OpenAIBatchSpec(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="openai_batch"
):
    """A file of questions to a provider's batch API: answered within a day, for less."""

    model: Filled
    of: Literal["chat", "embeddings"] = "chat"
    """What is asked for each item."""
    prompt: Filled | None = None
    """As a chat has it, like the keys that follow."""
    text: Filled | None = None
    """As embeddings have it, like `dimensions`."""
    base_url: Filled = OPENAI_URL
    api_key_env: tuple[str, ...] = ()
    system: Filled | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    max_tokens: Positive | None = None
    parameters: dict[str, object] = {}
    on_length: Literal["keep", "retry", "fail"] = "keep"
    schema: dict[str, object] | None = None
    strict: bool = False
    dimensions: Positive | None = None
    tokenizer: Filled | None = None
    price_in: Price | None = None
    """USD per million tokens, as for one question at a time."""
    price_out: Price | None = None
    discount: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The share of these prices that a batch costs less."""
    poll: Annotated[float, Meta(ge=0.05, le=3600)] = 5.0
    """Seconds until a batch is looked after for the first time, then ever more, up to a minute."""

    fallback: ClassVar[tuple[Fallback, ...]] = ()
    route: ClassVar[tuple[Rule, ...]] = ()

    @property
    def asked(self) -> "ChatSpec | EmbeddingsSpec":
        """What is asked for each item, as if it were asked by itself."""
        kind = ChatSpec if self.of == "chat" else EmbeddingsSpec
        own = {name: getattr(self, name) for name in kind.__struct_fields__ if name in self.__struct_fields__}
        return kind(**own)

    @property
    def templates(self) -> tuple[str, ...] | None:
        """The texts whose fields its answer depends on; None for the whole row."""
        return self.asked.templates


TaskSpec: TypeAlias = (
    ChatSpec | EmbeddingsSpec | OpenAIBatchSpec | PythonSpec | CommandSpec | TransformersSpec | HttpSpec | PluginSpec
)
ProviderSpec: TypeAlias = ChatSpec | EmbeddingsSpec
"""Tasks that a provider's model does, for a price."""


def server_of(task: TaskSpec) -> str:
    """Return the server as lanes tell it from others: batches keep to limits of their own."""
    return f"{task.base_url}/batches" if isinstance(task, OpenAIBatchSpec) else task.base_url


def asked_one_by_one(task: TaskSpec) -> TaskSpec:
    """Return what is asked for each item: of a batch, what each of its lines asks."""
    return task.asked if isinstance(task, OpenAIBatchSpec) else task


def default_keys(base_url: str) -> tuple[str, ...]:
    """Return the key variables of a server that is given none: OpenAI's own has one, others are taken to need none."""
    return (OPENAI_KEY_ENV,) if base_url == OPENAI_URL else ()


class Place(NamedTuple):
    """One of the providers that a job may ask."""

    table: str
    """What tells of it in a job file."""
    task: TaskSpec
    """The whole task, as this provider does it."""
    tier: int = 0
    """0 for the job's own provider, 1 and more for those it falls back to; -1 for one that only a rule sends to."""
    rule: int = 0
    """The rule that sends to it, counted from 1."""


def tiers(task: TaskSpec) -> tuple[TaskSpec, ...]:
    """Return the task itself, and then the whole task that each of its fallbacks stands for."""
    return tuple(place.task for place in places(task) if not place.rule)


def places(task: TaskSpec) -> tuple[Place, ...]:
    """Return the task itself, then what each of its fallbacks stands for, and each of its rules."""
    if not isinstance(task, ProviderSpec):
        return (Place("task", task),)
    return (
        Place("task", _alone(task)),
        *(Place(f"task.fallback[{i}]", _tier(task, each), tier=i + 1) for i, each in enumerate(task.fallback)),
        *(Place(f"task.route[{i}]", _tier(task, each), tier=-1, rule=i + 1) for i, each in enumerate(task.route)),
    )


def _alone(task: ProviderSpec) -> ProviderSpec:
    alone = msgspec.structs.replace(task, fallback=())
    return msgspec.structs.replace(alone, route=()) if isinstance(alone, ChatSpec) else alone


def _tier(task: ProviderSpec, fallback: Fallback) -> ProviderSpec:
    model, base_url = fallback.model or task.model, fallback.base_url or task.base_url
    names = fallback.api_key_env
    if names is None:  # a key never goes to a server that it was not meant for
        names = task.api_key_env if base_url == task.base_url else default_keys(base_url)
    prices = {"price_in": fallback.price_in, "price_out": fallback.price_out}
    own = {name: getattr(task, name) for name in prices if name in task.__struct_fields__}
    known = {name: prices[name] if prices[name] is not None or model != task.model else own[name] for name in own}
    return msgspec.structs.replace(_alone(task), model=model, base_url=base_url, api_key_env=names, **known)
