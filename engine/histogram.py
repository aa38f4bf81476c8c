"""A latency histogram that can be merged: log buckets, at most 1 % relative error."""

import math
from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)


class Histogram:
    """Counts of values in ms, kept in buckets that grow by 2 %; a quantile is off by 1 % at most.

    The method is DDSketch's without its collapsing (Masson, Rim, Lee 2019): latencies span few buckets.
    """

    __slots__ = ("counts", "total")

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts = dict(counts or {})
        """Bucket -> count; bucket b holds what lies between 1.02^(b-1) and 1.02^b ms."""
        self.total = sum(self.counts.values())

    def record(self, value_ms: float) -> None:
        """Count one value; anything below a microsecond counts as one."""
        bucket = math.ceil(math.log(max(value_ms, 0.001)) / _LOG_GROWTH)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += 1

    def quantile(self, fraction: float) -> float | None:
        """Return the value in ms below which `fraction` (0 to 1) of all lie, or None when there is none."""
        if not self.total:
            return None
        left = fraction * (self.total - 1)
        bucket = 0
        for bucket in sorted(self.counts):
            left -= self.counts[bucket]
            if left < 0:
                break
        return 2 * _GROWTH**bucket / (_GROWTH + 1)

    def encode(self) -> bytes:
        """Return the counts as MessagePack, for one column of the database."""
        return msgspec.msgpack.encode(self.counts)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the histogram that `encode` wrote."""
        return cls(msgspec.msgpack.decode(raw, type=dict[int, int]))

    @classmethod
    def merged(cls, parts: Iterable["Histogram"]) -> Self:
        """Return one histogram with the counts of all `parts`."""
        counts: dict[int, int] = {}
        for part in parts:
            for bucket, count in part.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        return cls(counts)
