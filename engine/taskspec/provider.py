"""Tasks that a provider's model does, for a price: chat, embeddings, and either as a batch of its own."""

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from ..vector import Form
from .elsewhere import Fallback, Rule
from .values import Filled, Positive, Price

OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY_ENV: Final = "OPENAI_API_KEY"


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
    encoding: Literal["base64", "float"] = "base64"
    """How the server is asked to write vectors; either is understood."""
    vectors: Form = "float32"
    """How they are stored."""
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
    encoding: Literal["base64", "float"] = "base64"
    vectors: Form = "float32"
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


ProviderSpec: TypeAlias = ChatSpec | EmbeddingsSpec
"""Tasks that a provider's model does, asked one request at a time."""


def default_keys(base_url: str) -> tuple[str, ...]:
    """Return the key variables of a server that is given none: OpenAI's own has one, others are taken to need none."""
    return (OPENAI_KEY_ENV,) if base_url == OPENAI_URL else ()
