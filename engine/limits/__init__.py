"""What may hold a send back, and nothing else."""

from ..hold import Hold
from .errors import LaneClosed, LaneRefused, RequestTooLarge
from .headers import RateHeaders, read_rate_headers
from .lane import Grant, Lane
from .pacer import Gcra

__all__ = [
    "Gcra",
    "Grant",
    "Hold",
    "Lane",
    "LaneClosed",
    "LaneRefused",
    "RateHeaders",
    "RequestTooLarge",
    "read_rate_headers",
]
