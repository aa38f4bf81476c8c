"""What every task has that asks no provider's model."""

from typing import ClassVar

from msgspec import Struct

from .elsewhere import Fallback, Rule


class FreeSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every task has that asks no provider: no key, no tokens, no price, nowhere else to go."""

    base_url: ClassVar[str] = ""
    api_key_env: ClassVar[tuple[str, ...]] = ()
    tokenizer: ClassVar[None] = None
    price_in: ClassVar[float | None] = 0.0
    price_out: ClassVar[float | None] = 0.0
    fallback: ClassVar[tuple[Fallback, ...]] = ()
    route: ClassVar[tuple[Rule, ...]] = ()
