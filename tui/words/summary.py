"""How a job ended, or stands, in a few lines. Pure."""

from ...engine.snapshot import JobRow, Snapshot
from ...engine.text import clean
from ..figures.binned import span_shown
from ..figures.series import mean_rate, shown_quantiles
from . import format as say
from .limiting import shares_text
from .line import Line, line


def summary(snapshot: Snapshot) -> list[Line]:
    """Return how a job ended, one fact a line."""
    job = snapshot.job
    cut = f", {say.count(job.cut)} cut short" if job.cut else ""
    items = line(say.count(job.done), (" done, ", "dim"), say.count(job.failed), (" failed, ", "dim"))
    facts = (
        ("items", (*items, *line(say.count(job.left), (f" left{cut}", "dim")))),
        ("mean rate", line(f"{say.rate(mean_rate(job))} items/s", (" while running", "dim"))),
        ("latency", line(latency_text(snapshot), (f" ({span_shown(snapshot)})", "dim"))),
        ("time went", line(shares_text(job.spent) or "-")),
        ("requests", line(say.count(job.requests), (_unasked(job), "dim"))),
        ("tokens", line(f"{say.count(job.tokens_in)} in, {say.count(job.tokens_out)} out")),
        ("cost", line(say.money(job.cost))),
        ("output", line(clean(job.output) or "none")),
    )
    return [line((f"{name:<11}", "dim"), *value) for name, value in facts]


def _unasked(job: JobRow) -> str:
    """Return what the requests don't account for: answers that were copied, and items billed in vain, perhaps."""
    facts = ((job.cached, "items not asked, by an equal one's answer"), (job.unsure, "maybe billed in vain"))
    return "".join(f"; {say.count(number)} {what}" for number, what in facts if number)


def latency_text(snapshot: Snapshot) -> str:
    """Return p50, p95 and p99 over all the samples shown."""
    quantiles = zip(("p50", "p95", "p99"), shown_quantiles(snapshot), strict=True)
    return ", ".join(f"{name} {say.latency(value)}" for name, value in quantiles)
