"""A request to any JSON API."""

from typing import Literal

from msgspec import field

from ..shape import texts_in
from .free import FreeSpec
from .values import Filled, Price


class HttpSpec(FreeSpec, frozen=True, tag_field="type", tag="http"):
    """A request to any JSON API: one for each item, or one for a batch."""

    url: Filled
    """A template over the item's fields, which may stand in its path and its query."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = field(default_factory=dict[str, str])
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
    ok_when: dict[str, object] = field(default_factory=dict[str, object])
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
