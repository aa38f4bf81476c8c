"""What every HTTP client keeps to, so that none of them trusts a connection for longer than another."""

from typing import Final

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""2,048 vectors of 3,072 numbers, in digits, stay below this."""
KEEP_ALIVE_S: Final = 30.0
"""An idle connection older than this is not trusted: middleboxes forget one silently from a minute on."""
DNS_CACHE_S: Final = 60
STALE_S: Final = 0.3
"""A server that had closed a connection says so within a round trip; one that takes longer may have been at work."""
