"""How fast a job went from its first second to its last, in a few numbers. Pure."""

from typing import Final

_FIRST_STEP_S: Final = 1.0


class Outline:
    """Adds up what ended in stretches of about equal length; whenever there are too many, each two become one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._step_s = _FIRST_STEP_S
        self._stretches: list[tuple[float, float]] = []

    def add(self, span_s: float, ended: float) -> None:
        """Add the next span of time, and how many items ended in it."""
        # A stretch is whole a little early, as spans are not exact.
        if self._stretches and self._stretches[-1][0] < 0.75 * self._step_s:
            self._stretches[-1] = _joined(self._stretches[-1:], (span_s, ended))
            return
        if len(self._stretches) == self._most:
            self._fold()
        self._stretches.append((span_s, ended))

    def rates(self) -> tuple[float, ...]:
        """Return the items a second of each stretch; a last one too short to tell belongs to the one before."""
        kept = list(self._stretches)
        if len(kept) > 1 and kept[-1][0] < self._step_s / 2:
            kept[-2:] = [_joined(kept[-2:])]
        return tuple(ended / span_s if span_s > 0 else 0.0 for span_s, ended in kept)

    def _fold(self) -> None:
        self._step_s *= 2
        self._stretches = [_joined(self._stretches[i : i + 2]) for i in range(0, self._most, 2)]


def _joined(stretches: list[tuple[float, float]], *more: tuple[float, float]) -> tuple[float, float]:
    together = [*stretches, *more]
    return sum(span_s for span_s, _ in together), sum(ended for _, ended in together)
