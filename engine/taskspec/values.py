"""What a value in a task's table can be."""

from typing import Annotated, TypeAlias

from msgspec import Meta

Filled: TypeAlias = Annotated[str, Meta(min_length=1)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]
