"""Which 429s the throttle is told of, and the pace that it answers with. Pure: time comes in as an argument."""

from ..outcome import Outcome
from .burst import Lately, Sent
from .headers import RateHeaders
from .quota import Quota
from .standing import WELL
from .throttle import Throttle


def adapt(
    quota: Quota, throttle: Throttle, now: float, *, sent: Sent, outcome: Outcome, said: RateHeaders | None
) -> None:
    """Tell the throttle how a request ended, and have the quota keep to the pace it finds."""
    if outcome is Outcome.RATE_LIMITED:
        seconds = quota.sent.seconds(now)
        lately = Lately(sum(count for _, count, _ in seconds), len(seconds), quota.requests.limit)
        if not _explained(quota, said, lately):
            throttle.limited(now, sent, quota.requests.sent, lately)
    elif outcome in WELL:
        throttle.well(now, sent, quota.requests.sent)
    quota.throttle(now, throttle.rate)


def _explained(quota: Quota, said: RateHeaders | None, lately: Lately) -> bool:
    """Return whether a 429 tells nothing new: more was sent than the limit, or the tokens of one ran out."""
    out_of_tokens = said is not None and said.tokens.remaining == 0 and quota.tokens.limit > 0
    return out_of_tokens or lately.sent > lately.limit > 0
