"""What a lane may send, who says so, and what was sent. Pure: time comes in as an argument."""

import math
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from ..answer import Usage
from ..hold import Hold
from .axis import DayAxis, MinuteAxis, Name
from .headers import RateHeaders
from .limits import Limits, strictest
from .minute import Minute
from .pacer import SLACK_S

TOKEN_SLACK_S: Final = 0.35
"""A token pace makes up for this much: what an answer did not use comes back late, and in lumps."""

LEARNED_SLACK_S: Final = 0.005
"""A server that says nothing may count by the second or less, so a pace learned from it is kept evenly."""

Counts: TypeAlias = tuple[int, int, int, int, int]
"""A number for each axis, in the order of the names."""


class Mark(Struct, frozen=True, gc=False):
    """When a request was sent, and what had been sent in all by then, itself included."""

    at: float
    counts: Counts


class Misfit(NamedTuple):
    """What a request may come to, and the limit that it never fits."""

    tokens: int
    limit: int
    name: Name
    source: str

    @property
    def why(self) -> str:
        """What is the matter, and what to do about it."""
        what = {"tpm_in": "input tokens", "tpm_out": "output tokens"}.get(self.name, "tokens")
        return (
            f"a request that may cost {self.tokens:,} {what} never fits {self.limit:,} {what} a minute (limit of the"
            f" {self.source}); send fewer or shorter items in a request, or raise {self.name}"
        )


class Quota:
    """Requests and tokens a minute, requests a day: of each the strictest number of the jobs, else the server's.

    Tokens are reserved when a request goes and corrected when it has ended. What a correction frees can be used at
    once; what it frees too late to be used is lost, not saved up, so no burst can follow.
    """

    def __init__(self) -> None:
        self.requests = MinuteAxis("rpm")
        self.tokens = MinuteAxis("tpm", TOKEN_SLACK_S)
        self.tokens_in = MinuteAxis("tpm_in", TOKEN_SLACK_S)
        self.tokens_out = MinuteAxis("tpm_out", TOKEN_SLACK_S)
        self.daily = DayAxis("rpd")
        self.by_minute = (self.requests, self.tokens, self.tokens_in, self.tokens_out)
        self.axes = (*self.by_minute, self.daily)
        self.sent = Minute()
        self.resets_at = -math.inf
        """When the server's windows are fresh again, as far as it said."""
        self._limiting: list[MinuteAxis | DayAxis] = []
        self._sized: list[tuple[MinuteAxis, int]] = []
        """Limits of tokens in force, and the place of each among the axes."""
        self._owners: dict[str, Limits] = {}

    @property
    def source(self) -> str:
        """Where the limits come from: `job`, `server`, `learned` from refusals, or nothing."""
        if self.requests.rate != self.requests.limit:
            return "learned"
        sources = {axis.source for axis in self.axes}
        return "job" if "job" in sources else "server" if "server" in sources else ""

    @property
    def rpm_limit(self) -> int:
        """Requests a minute in force, whoever gives them, 0 where none are known."""
        return math.ceil(self.requests.rate)

    # ── the limits ──

    @property
    def max_cooldown(self) -> float:
        """The longest pause that all jobs find bearable, in seconds."""
        return strictest(self._owners.values()).max_cooldown

    def configure(self, now: float, owner: str, limits: Limits) -> None:
        """Set the limits of one job; 0 leaves one to the other jobs and to the server."""
        self._owners[owner] = limits
        self._agree(now)

    def forget(self, now: float, owner: str) -> None:
        """Drop the limits of a job that has ended."""
        self._owners.pop(owner, None)
        self._agree(now)

    def _agree(self, now: float) -> None:
        agreed = strictest(self._owners.values())
        numbers = (agreed.rpm, agreed.tpm, agreed.tpm_in, agreed.tpm_out, agreed.rpd)
        for axis, number in zip(self.axes, numbers, strict=True):
            axis.job = number
        self.apply(now)

    def throttle(self, now: float, rate_per_minute: float) -> None:
        """Send no more requests a minute than this (0: as many as the limits allow)."""
        if rate_per_minute != self.requests.cap:
            self.requests.cap = rate_per_minute
            self.requests.pace.slack_s = LEARNED_SLACK_S if rate_per_minute else SLACK_S
            self.apply(now)

    def learn(self, now: float, said: RateHeaders, mark: Mark | None) -> bool:
        """Take over what the server states; returns whether a limit in force changed.

        What is left is believed as of the request that `mark` stands for. A server that says how long to wait, or has
        no such mark, is not asked what is left: its wait is all that counts.
        """
        stated = (said.requests, said.tokens, said.tokens_in, said.tokens_out, said.day)
        self.resets_at = now + max((each.reset_s for each in stated if each.reset_s is not None), default=-math.inf)
        for index, (axis, each) in enumerate(zip(self.axes, stated, strict=True)):
            if each.limit is not None:
                axis.server = each.limit
            if said.retry_after_s is not None:
                axis.remains.forget()
            elif mark:
                axis.believe(mark.at, mark.counts[index], each)
        return self.apply(now, learned=True)

    def apply(self, now: float, *, learned: bool = False) -> bool:
        """Put the limits in force; of one that was `learned` just now, what was sent before it was known is owed."""
        changed = [axis for axis in self.by_minute if axis.rate != axis.pace.rate]
        for axis in changed:
            known = axis.pace.rate
            axis.pace.set_rate(now, axis.rate)
            if learned and not known:
                place = self.by_minute.index(axis)
                axis.pace.charge(now, [(at, _counts(n, used)[place]) for at, n, used in self.sent.seconds(now)])
        self._limiting = [
            axis
            for axis in self.axes
            if axis.limit or axis.remains.left(now, axis.sent) or (axis is self.requests and self.requests.cap)
        ]
        self._sized = [(axis, place) for place, axis in enumerate(self.by_minute) if place and axis.limit]
        return bool(changed)

    # ── the requests ──

    def misfit(self, most: Usage) -> Misfit | None:
        """Return why a request never fits, or None."""
        for axis, place in self._sized:
            tokens = _counts(1, most)[place]
            if tokens > axis.limit:
                return Misfit(tokens, axis.limit, axis.name, axis.source)
        return None

    def hold(self, now: float) -> Hold | None:
        """Return which limit forbids a send now: the one that does so longest."""
        held: Hold | None = None
        for axis in self._limiting:
            ready_at = axis.ready_at(now)
            if ready_at > now and (held is None or ready_at > (held.until or 0.0)):
                held = Hold(axis.name, ready_at)
        return held

    def take(self, now: float, reserved: Usage) -> Mark:
        """Count a request and reserve its tokens."""
        tokens_in, tokens_out = reserved.tokens_in, reserved.tokens_out
        self.sent.add(now, 1, reserved)
        sent = (
            self.requests.take(now, 1),
            self.tokens.take(now, tokens_in + tokens_out),
            self.tokens_in.take(now, tokens_in),
            self.tokens_out.take(now, tokens_out),
            self.daily.take(now, 1),
        )
        return Mark(now, sent)

    def correct(self, at: float, *, reserved: Usage, used: Usage) -> None:
        """Count what a request sent at `at` really used, in the place of what was reserved."""
        spare_in, spare_out = reserved.tokens_in - used.tokens_in, reserved.tokens_out - used.tokens_out
        self.tokens.amend(at, spare_in + spare_out)
        self.tokens_in.amend(at, spare_in)
        self.tokens_out.amend(at, spare_out)
        self.sent.amend(at, reserved, used)

    def give_back(self, at: float, reserved: Usage) -> None:
        """Forget a request that was counted at `at` and never sent."""
        for axis, amount in zip(self.by_minute, _counts(1, reserved), strict=False):
            axis.amend(at, amount)
        self.daily.give_back()
        self.sent.take_back(at, 1, reserved)

    # ── how it stands ──

    def left(self, now: float) -> float:
        """Return the smallest share that is left of anything limited, 0 to 1."""
        used = self._used(now)
        return min((axis.share_left(now, used[axis.name]) for axis in self._limiting), default=1.0)

    def numbers(self, now: float) -> dict[str, int]:
        """Return each limit and what was used of it, as `LaneState` names them."""
        used = self._used(now)
        shown = {f"{axis.name}_limit": axis.limit for axis in self.axes} | {f"{name}_used": used[name] for name in used}
        return shown | {"rpm_limit": self.rpm_limit}

    def _used(self, now: float) -> dict[str, int]:
        requests, used = self.sent.used(now)
        minute = dict(zip((axis.name for axis in self.axes), _counts(requests, used), strict=True))
        return {**minute, self.daily.name: self.daily.used(now)}


def _counts(requests: int, tokens: Usage) -> Counts:
    return requests, tokens.total, tokens.tokens_in, tokens.tokens_out, requests
