"""The settings of one running job: where each value comes from, and what was changed while it ran."""

from collections.abc import Mapping, Sequence

from .settings import Layer, Resolved, Value, resolve


class Dials:
    """Layers of values, the live changes on top. `now` is what is in force."""

    def __init__(self, layers: Sequence[Layer], live: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self._live: dict[str, Layer] = {key: layer for layer in live for key in layer.values}
        self.now: Resolved = self._resolve()

    @property
    def live(self) -> set[str]:
        """The keys that were changed while the job ran."""
        return set(self._live)

    def change(self, values: Mapping[str, Value], origin: str) -> dict[str, tuple[Value, Value]]:
        """Lay values over all others, and return what that changes: key -> (old, new)."""
        before = self.now.settings
        self._live.update({key: Layer(origin, {key: value}) for key, value in values.items()})
        self.now = self._resolve()
        return {key: (getattr(before, key), value) for key, value in values.items() if getattr(before, key) != value}

    def _resolve(self) -> Resolved:
        return resolve((*self._layers, *self._live.values()))
