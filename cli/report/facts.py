"""A report for machines: one object, every number with its unit in its name."""

from ...engine.course import Point
from ...engine.snapshot import Change
from ...engine.text import clean
from ...tui.figures.series import mean_rate
from ...tui.figures.turns import Pace, Turn
from ..facts import facts, rounded
from .account import FRACTIONS, Account, beginnings, latencies

_OF_NOW = ("items_per_s", "eta_s", "latency_ms", "first_ms", "in_flight", "limited_by", "no_answer_s", "lanes")
"""What `status` tells of the last seconds, and a report does not."""


def report_facts(account: Account) -> dict[str, object]:
    """Return what the summary has, the points of the charts, and the changes of settings."""
    timeline = account.timeline
    now = facts(account.snapshot)
    first = beginnings(account)
    return {
        **{name: value for name, value in now.items() if name not in _OF_NOW},
        "started_at": account.began_at,
        "ended_at": account.ended_at,
        "wall_s": rounded(account.wall_s),
        "items_per_s": rounded(mean_rate(account.job)),
        "best_minute_items_per_s": rounded(timeline.best_minute_per_s),
        "cost_per_1000_items_usd": account.cost_per_1000,
        "latency_ms": {name: rounded(value) for name, value in latencies(account).items()},
        **({"first_ms": {name: rounded(value) for name, value in first.items()}} if first else {}),
        "failures": dict(account.failed.kinds),
        "failure_messages": [
            {"kind": each.kind, "message": clean(each.message), "items": each.items, "attempts": each.attempts}
            for each in account.failed.messages
        ],
        "breaks": [{"at_s": rounded(each.at_s), "lasted_s": rounded(each.lasted_s)} for each in timeline.breaks],
        "series": [_point(point) for point in timeline.points],
        "changes": [_change(turn, change) for turn in timeline.turns for change in turn.changes],
    }


def _point(point: Point) -> dict[str, object]:
    return {
        "begin_s": rounded(point.begin_s),
        "span_s": rounded(point.span_s),
        "items": point.items,
        "failed": point.failed,
        "items_per_s": rounded(point.items_per_s),
        "requests": point.requests,
        "errors": dict(point.errors),
        "latency_ms": {name: rounded(point.latency.quantile(fraction)) for name, fraction in FRACTIONS.items()},
    }


def _change(turn: Turn, change: Change) -> dict[str, object]:
    return {
        "time": change.at,
        "at_s": rounded(turn.at_s),
        "who": change.who,
        "key": change.key,
        "old": change.old,
        "new": change.new,
        "before": _pace(turn.before),
        "after": _pace(turn.after),
    }


def _pace(pace: Pace) -> dict[str, object]:
    return {
        "span_s": rounded(pace.span_s),
        "items_per_s": rounded(pace.items_per_s),
        "error_share": None if pace.error_share is None else round(pace.error_share, 4),
    }
