"""How the simulated provider behaves: one frozen value, and the two draws that depend on chance."""

import math
from dataclasses import dataclass
from random import Random

from ..errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Latency, limits and faults of a provider; the defaults answer at once and refuse nobody."""

    latency_ms: float = 0.0
    """Median time to an answer."""
    latency_sigma: float = 0.0
    """Spread of the lognormal latency; 0 is constant, at 0.5 one answer in 44 takes 2.7 medians or longer."""
    item_ms: float = 0.0
    """Added to the latency for each input of an embeddings request."""
    rpm: int = 0
    """Requests a minute and key, 0 for no limit."""
    tpm: int = 0
    """Tokens (prompt and answer) a minute and key, 0 for no limit."""
    burst_s: float = 1.0
    """How far ahead of an even pace a key may run; 60 makes it a full minute's bucket."""
    error_rate: float = 0.0
    """Share of the admitted requests that end in a 500 or 503, half of each."""
    seed: int = 0
    """Decides answers, vectors, latencies and faults."""
    keys: tuple[str, ...] = ()
    """API keys accepted; empty accepts any, and none."""
    models: tuple[str, ...] = ("gpt-4o-mini", "text-embedding-3-small")
    """Models served, each at every endpoint; empty serves any."""
    dimensions: int = 256
    """Length of an embedding when the request doesn't say."""
    context_tokens: int = 0
    """Longest prompt or embeddings input, 0 for no limit."""

    def __post_init__(self) -> None:
        for name in ("latency_ms", "latency_sigma", "item_ms", "rpm", "tpm", "burst_s", "context_tokens"):
            _check(name, getattr(self, name), 0, math.inf)
        _check("error_rate", self.error_rate, 0, 1)
        _check("dimensions", self.dimensions, 1, MAX_DIMENSIONS)


MAX_DIMENSIONS = 8192
"""Longest embedding the simulator makes."""


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (least <= value <= most and math.isfinite(value)):
        allowed = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise SettingError(f"simulator: {name} can't be {value:g}; it must be {allowed}")


def draw_latency_s(behaviour: Behaviour, items: int, draws: Random) -> float:
    """Draw how long one answer takes."""
    spread = draws.lognormvariate(0.0, behaviour.latency_sigma) if behaviour.latency_sigma else 1.0
    return (behaviour.latency_ms * spread + behaviour.item_ms * items) / 1000


def draw_fault(behaviour: Behaviour, draws: Random) -> int:
    """Draw whether a request fails on the server's side: 500, 503, or 0 for not at all."""
    drawn = draws.random()
    if drawn >= behaviour.error_rate:
        return 0
    return 500 if drawn < behaviour.error_rate / 2 else 503
