"""How the simulated provider behaves: one frozen value, checked when it is made."""

import math
from dataclasses import dataclass

from ..errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Latency, limits and faults of a provider; the defaults answer at once and refuse nobody.

    The rates are shares of the requests that passed the limits. One draw decides between them, so they add up.
    """

    latency_ms: float = 0.0
    """Median time to an answer."""
    latency_sigma: float = 0.0
    """Spread of the lognormal latency; 0 is constant, at 0.5 one answer in 44 takes 2.7 medians or longer."""
    first_ms: float = 0.0
    """When a streamed answer begins, at most its whole latency; its pieces come evenly from then on."""
    item_ms: float = 0.0
    """Added to the latency for each input of an embeddings request, and for each prompt packed into a chat request."""
    batch_s: float = 0.0
    """How long a file of questions takes, that was handed in as a batch."""

    rpm: int = 0
    """Requests a minute and key, 0 for no limit."""
    tpm: int = 0
    """Tokens (prompt and answer) a minute and key, 0 for no limit."""
    tpm_in: int = 0
    """Tokens of prompts a minute and key, 0 for no limit; stated in Anthropic's headers."""
    tpm_out: int = 0
    """Tokens of answers a minute and key, 0 for no limit; stated in Anthropic's headers."""
    rpd: int = 0
    """Requests a day and key, counted from its first one; 0 for no limit."""
    burst_s: float = 1.0
    """How far ahead of an even pace a key may run; 60 makes it a full minute's bucket."""
    parallel: int = 0
    """Requests of one key in flight, 0 for no limit; what is more gets a 429 that says nothing."""
    quiet: bool = False
    """Whether limits are enforced without a word: no rate headers, no Retry-After, and a web page for a 429."""
    retry_after_s: float = 0.0
    """What a 429 says in Retry-After instead of the truth; 0 for the truth."""

    error_rate: float = 0.0
    """Share that ends in a 500 or 503, half of each."""
    drop_rate: float = 0.0
    """Share whose connection is broken instead of an answer."""
    malformed_rate: float = 0.0
    """Share answered 200 with the first half of a JSON text."""
    short_rate: float = 0.0
    """Share answered 200 with the last answer missing: a vector, a packed answer, or the only choice."""
    limited_rate: float = 0.0
    """Share refused with a 429 that says nothing, as by a server that is short of capacity."""
    cut_rate: float = 0.0
    """Share answered with half a text that ended for its length; embeddings are spared."""
    expired_rate: float = 0.0
    """Share of a batch's questions that are not answered in time."""
    outage: tuple[float, float] = (0.0, 0.0)
    """When everything gets a 503: from so many seconds after the provider began, for so many."""
    poison: str = ""
    """A text that gets a whole request refused when a prompt or an input holds it; empty for none."""

    seed: int = 0
    """Decides answers, vectors, latencies and faults."""
    keys: tuple[str, ...] = ()
    """API keys accepted; empty accepts any, and none."""
    revoked: tuple[str, ...] = ()
    """API keys refused."""
    models: tuple[str, ...] = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small")
    """Models served, each at every endpoint; empty serves any."""
    dimensions: int = 256
    """Length of an embedding when the request doesn't say."""
    context_tokens: int = 0
    """Longest prompt or embeddings input, 0 for no limit."""

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            _check(name, getattr(self, name), 0, math.inf)
        for name, value in zip(("start of the outage", "length of the outage"), self.outage, strict=True):
            _check(name, value, 0, math.inf)
        for name in _RATES:
            _check(name, getattr(self, name), 0, 1)
        _check("expired_rate", self.expired_rate, 0, 1)
        _check("sum of all rates", round(math.fsum(getattr(self, name) for name in _RATES), 9), 0, 1)
        _check("dimensions", self.dimensions, 1, MAX_DIMENSIONS)

    def is_out(self, uptime_s: float) -> bool:
        """Return whether everything gets a 503 so long after the provider began."""
        start_s, length_s = self.outage
        return start_s <= uptime_s < start_s + length_s


MAX_DIMENSIONS = 8192
"""Longest embedding the simulator makes."""

_AMOUNTS = (
    *("latency_ms", "latency_sigma", "first_ms", "item_ms", "batch_s", "burst_s", "retry_after_s", "context_tokens"),
    *("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "parallel"),
)
_RATES = ("error_rate", "drop_rate", "malformed_rate", "short_rate", "limited_rate", "cut_rate")


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (least <= value <= most and math.isfinite(value)):
        allowed = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise SettingError(f"simulator: {name} can't be {value:g}; it must be {allowed}")
