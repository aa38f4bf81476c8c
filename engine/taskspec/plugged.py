"""A task of a type that another package adds."""

from msgspec import field

from .free import FreeSpec
from .values import Filled


class PluginSpec(FreeSpec, frozen=True, tag_field="type", tag="plugin"):
    """A task of a type that another package adds; it can be read without that package."""

    kind: Filled
    """The type's name."""
    options: dict[str, object] = field(default_factory=dict[str, object])
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
