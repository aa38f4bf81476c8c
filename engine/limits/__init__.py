"""What may hold a send back, and nothing else."""

from ..hold import Hold
from .errors import LaneClosed, LaneRefused, RequestTooLarge
from .headers import RateHeaders, Stated, read_rate_headers
from .lane import Grant, Lane
from .limits import Limits
from .pacer import Gcra

__all__ = [
    "Gcra",
    "Grant",
    "Hold",
    "Lane",
    "LaneClosed",
    "LaneRefused",
    "Limits",
    "RateHeaders",
    "RequestTooLarge",
    "Stated",
    "read_rate_headers",
]
