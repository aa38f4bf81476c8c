"""What a client asks: request bodies decoded and checked."""

from typing import Annotated, Any, Literal

import msgspec

from .answers import tokens_in
from .behaviour import MAX_DIMENSIONS
from .refusal import bad_request

MAX_INPUTS = 2048
"""Inputs one embeddings request may hold, OpenAI's limit."""

PACKED_SCHEMA = "answers"
"""Name of the JSON schema that says that several prompts are packed into a chat request."""

_Count = Annotated[int, msgspec.Meta(ge=1)]


class Picture(msgspec.Struct):
    """Where a picture is, or the picture itself."""

    url: str = ""


class Part(msgspec.Struct):
    """A piece of a message's content: a text or a picture."""

    type: str = "text"
    text: str = ""
    image_url: Picture | None = None


class Message(msgspec.Struct):
    """One turn of a conversation."""

    role: str
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Return all that is said in it."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""

    def pictures(self) -> str:
        """Return the URLs of its pictures, one after the other."""
        if not isinstance(self.content, list):
            return ""
        return "".join(f"\n{part.image_url.url}" for part in self.content if part.image_url)


class Schema(msgspec.Struct):
    """The schema that an answer is to keep."""

    name: str = ""
    schema: dict[str, object] = {}


class ResponseFormat(msgspec.Struct):
    """The form an answer is asked for in."""

    type: str = "text"
    json_schema: Schema | None = None


class StreamOptions(msgspec.Struct):
    """What a stream has besides its pieces."""

    include_usage: bool = False


class Chat(msgspec.Struct):
    """A body of /v1/chat/completions."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None

    def asked(self) -> str:
        """Return what the user said last."""
        return next((each.text() for each in reversed(self.messages) if each.role == "user"), "")

    def about(self) -> str:
        """Return what its answer is about: what the user said last, and showed."""
        return self.asked() + "".join(each.pictures() for each in self.messages)

    def schema(self) -> dict[str, object] | None:
        """Return the schema that its answer is to keep, None where any text will do."""
        wanted = self.response_format
        return wanted.json_schema.schema if wanted and wanted.json_schema else None

    def subjects(self) -> list[str]:
        """Return the text that tells this request from the job's others: what the user said last."""
        return [self.asked()]

    def texts(self) -> list[str]:
        """Return what each context has to hold."""
        return ["\n".join(message.text() for message in self.messages)]

    def weight(self) -> int:
        """Return how many inputs slow the answer down; a lone prompt doesn't."""
        return 0

    def check(self) -> None:
        """Raise RefusedError for what a valid body may still not ask: nothing, so far."""


class Prompt(msgspec.Struct):
    """One of several prompts packed into a message."""

    id: str
    prompt: str


class Packed(Chat, kw_only=True):
    """A body of /v1/chat/completions with several prompts, which is to be answered with JSON that has all answers.

    The last message is `{"items": [{"id": "1", "prompt": "..."}]}`, the form asked for is a JSON schema of the name
    `answers`, and the answer's text is `{"answers": [{"id": "1", "answer": "..."}]}`.
    """

    prompts: list[Prompt]

    def schema(self) -> dict[str, object] | None:
        """Return the schema that each of its answers is to keep; definitions stand at the root of the whole."""
        whole: Any = super().schema() or {}
        try:
            return {**whole["properties"]["answers"]["items"]["properties"]["answer"], **_named(whole)}
        except (KeyError, TypeError):
            return None

    def subjects(self) -> list[str]:
        """Return the prompts, in order."""
        return [each.prompt for each in self.prompts]

    def weight(self) -> int:
        """Return how many inputs slow the answer down."""
        return len(self.prompts)


class Embeddings(msgspec.Struct):
    """A body of /v1/embeddings."""

    model: str
    input: str | list[str]
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MAX_DIMENSIONS)] | None = None
    encoding_format: Literal["float", "base64"] = "float"

    def subjects(self) -> list[str]:
        """Return the inputs, in order."""
        return [self.input] if isinstance(self.input, str) else self.input

    def texts(self) -> list[str]:
        """Return what each context has to hold."""
        return self.subjects()

    def weight(self) -> int:
        """Return how many inputs slow the answer down."""
        return len(self.subjects())

    def check(self) -> None:
        """Raise RefusedError for what a valid body may still not ask."""
        inputs = self.subjects()
        if len(inputs) > MAX_INPUTS:
            message = f"`input` holds {len(inputs)} texts; at most {MAX_INPUTS} go in one request."
            raise bad_request(message, param="input", code="array_above_max_length")
        empty = next((number for number, text in enumerate(inputs) if not text), None)
        if not inputs or empty is not None:
            where = "`input`" if isinstance(self.input, str) or not inputs else f"`input[{empty}]`"
            raise bad_request(f"{where} is empty.", param="input")


def _named(schema: dict[str, object]) -> dict[str, object]:
    return {key: schema[key] for key in ("$defs", "definitions") if key in schema}


Question = Chat | Embeddings

_DECODERS: dict[str, msgspec.json.Decoder[Chat] | msgspec.json.Decoder[Embeddings]] = {
    "/v1/chat/completions": msgspec.json.Decoder(Chat),
    "/v1/embeddings": msgspec.json.Decoder(Embeddings),
}

ENDPOINTS = frozenset(_DECODERS)
"""Paths that take a question."""


def decode(path: str, body: bytes) -> Question:
    """Return the question a body holds; raises RefusedError where it holds none."""
    try:
        question = _DECODERS[path].decode(body)
    except msgspec.ValidationError as error:
        raise bad_request(f"The body does not fit {path}: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"The body is not JSON: {error}.") from error
    return _unpacked(question) if isinstance(question, Chat) and question.response_format else question


class _Pack(msgspec.Struct):
    items: Annotated[list[Prompt], msgspec.Meta(min_length=1)]


_decode_pack = msgspec.json.Decoder(_Pack).decode


def _unpacked(chat: Chat) -> Chat:
    """Return the prompts packed into a chat request; the request itself where none are."""
    schema = chat.response_format and chat.response_format.json_schema
    if not schema or schema.name != PACKED_SCHEMA:
        return chat
    try:
        prompts = _decode_pack(chat.asked()).items
    except (msgspec.DecodeError, UnicodeError):
        return chat
    return Packed(**msgspec.structs.asdict(chat), prompts=prompts)


def check_context(question: Question, limit: int) -> None:
    """Raise RefusedError for a prompt or an input longer than the model's context (0: no limit)."""
    longest = max(map(tokens_in, question.texts())) if limit else 0
    if longest > limit:
        message = f"The context holds {limit} tokens, and this is about {longest}. Make it shorter."
        param = "messages" if isinstance(question, Chat) else "input"
        raise bad_request(message, param=param, code="context_length_exceeded")
