"""How an attempt can end: a closed set, decided once and switched on by everything downstream."""

from enum import StrEnum


class Outcome(StrEnum):
    """The end of one attempt."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_ITEM = "bad_item"
    SHORT_REPLY = "short_reply"
    AUTH = "auth"
    CANCELLED = "cancelled"


TRANSIENT = frozenset({Outcome.OVERLOADED, Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SHORT_REPLY})
"""Ends that another try may mend, at the cost of one of the item's attempts."""

REFUSED = frozenset({Outcome.AUTH, Outcome.QUOTA_EXHAUSTED})
"""Ends that mostly say nothing about the item: the key or the account is the matter."""

RETRIED_BY_RERUN = TRANSIENT | REFUSED | {Outcome.RATE_LIMITED}
"""Ends that a later try may mend: a rerun tries the items again that failed in one of these ways."""
