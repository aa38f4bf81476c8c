"""What a machine may want to know of a job, every number with its unit in its name."""

import time

from ..engine.settings import DIALS
from ..engine.slottime import shares
from ..engine.snapshot import JobRow, Snapshot
from ..tui.figures.series import (
    RECENT_S,
    eta_s,
    first_quantiles,
    in_flight,
    is_live,
    latency_quantiles,
    recent,
    recent_rate,
    settled,
    silent_s,
)
from ..tui.words.limiting import limiting_lately


def job_facts(job: JobRow, *, alive: bool) -> dict[str, object]:
    """Return one job's totals; `alive` says whether an engine has the workspace."""
    return {
        "job": job.name,
        "state": job.state.value,
        "engine": alive,
        "reason": job.reason,
        "exit_code": job.exit_code,
        "total": job.total,
        "total_is_so_far": job.open,
        "done": job.done,
        "failed": job.failed,
        "left": job.left,
        "requests": job.requests,
        "errors": dict(job.errors),
        "cut_short": job.cut,
        "cached": job.cached,
        "maybe_billed": job.unsure,
        "tokens_in": job.tokens_in,
        "tokens_out": job.tokens_out,
        "cost_usd": job.cost,
        "active_s": round(job.active_s, 3),
        "time_went": {what: round(share, 4) for what, share in shares(job.spent)},
        "output": job.output or None,
    }


def facts(snapshot: Snapshot) -> dict[str, object]:
    """Return one job's totals, how fast it is, and the settings in force."""
    quantiles = latency_quantiles(snapshot, RECENT_S)
    first = first_quantiles(recent(snapshot, RECENT_S))
    live = is_live(snapshot)
    return {
        **job_facts(snapshot.job, alive=snapshot.engine is not None),
        "time": round(time.time(), 3),
        "items_per_s": rounded(recent_rate(snapshot, settled)) if live else None,
        "eta_s": rounded(eta_s(snapshot)) if live else None,
        "latency_ms": dict(zip(("p50", "p95", "p99"), map(rounded, quantiles), strict=True)),
        **({"first_ms": dict(zip(("p50", "p95", "p99"), map(rounded, first), strict=True))} if any(first) else {}),
        "in_flight": in_flight(snapshot) if live else 0,
        "limited_by": limiting_lately(snapshot) or None,
        "no_answer_s": rounded(silent_s(snapshot)) or None,
        "lanes": [
            {
                "name": lane.name,
                "state": lane.state,
                "reason": lane.reason,
                "rpm_used": lane.rpm_used,
                "rpm_limit": lane.rpm_limit or None,
                "tpm_used": lane.tpm_used,
                "tpm_limit": lane.tpm_limit or None,
                "tpm_in_used": lane.tpm_in_used,
                "tpm_in_limit": lane.tpm_in_limit or None,
                "tpm_out_used": lane.tpm_out_used,
                "tpm_out_limit": lane.tpm_out_limit or None,
                "rpd_used": lane.rpd_used,
                "rpd_limit": lane.rpd_limit or None,
                "limits_from": lane.limit_source or None,
                "hits_429": lane.hits_429,
                "reset_at": lane.reset_at,
                "requests": lane.requests,
                "tokens_in": lane.tokens_in,
                "tokens_out": lane.tokens_out,
                "cost_usd": lane.cost,
                "items": lane.items,
                "escalated": lane.escalated,
            }
            for lane in snapshot.lanes
        ],
        "settings": {key: getattr(snapshot.dials.settings, key) for key in DIALS},
        "origins": dict(snapshot.dials.origins),
    }


def rounded(value: float | None) -> float | None:
    """Return a number with three decimals, as every one is told that is no count."""
    return None if value is None else round(value, 3)
