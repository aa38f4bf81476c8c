"""A report as one page that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

from ...engine.slottime import shares
from ...tui.figures.series import mean_rate
from ...tui.words.format import count, duration, latency, moment, money, percent, plural, rate
from ...tui.words.limiting import percent as share_of
from ...tui.words.limiting import words_of
from . import account as told
from .account import Account
from .markup import Markup, element, together
from .pictures import keys, pictures
from .style import STYLE

MARK: Final = "<!-- batchtop report -->"
"""Stands at the head of every page, so that it is known again."""
TONES = ("blue", "orange", "violet", "green", "red", "grey")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for this page: nothing."""
_HEAD_BYTES: Final = 200


def report_html(account: Account) -> str:
    """Return the whole page."""
    title = f"{account.job.name} – report"
    body = element("main", *_body(account))
    return (
        f'<!doctype html>\n{MARK}\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', title)}\n<style>{STYLE}</style>\n</head>\n{element('body', body)}\n</html>\n"
    )


def is_report(path: Path) -> bool:
    """Return whether a file is empty, or begins as a page does."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not head or MARK.encode() in head


def _body(account: Account) -> Iterator[Markup]:
    yield element("header", element("h1", account.job.name), element("p", told.state(account)))
    yield _tiles(account)
    for heading, picture in pictures(account.timeline):
        yield _section(heading, picture)
    if account.job.spent:
        yield _section("Where the time went", _shares(account))
    if messages := told.failure_cells(account):
        yield _section("Why items failed, the most frequent messages", _table(("Items", "Kind", "Message"), messages))
    if account.timeline.turns:
        yield _section("Settings changed", _turns(account))
    yield _section("In full", _rows(told.rows(account)))
    yield _section("Settings in force", _table(("Setting", "Value", "From"), told.settings(account), numbers=()))
    yield element("footer", f"batchtop report of {moment(account.snapshot.taken_at)}; times are local")


def _tiles(account: Account) -> Markup:
    job, slow = account.job, told.latencies(account)
    best = account.timeline.best_minute_per_s
    whole = f"of {count(job.total)} so far" if job.open else f"{percent(job.done, job.total)} of {count(job.total)}"
    each = (
        ("Items done", count(job.done), whole),
        ("Failed", count(job.failed), f"{count(job.left)} left"),
        ("Items/s", rate(mean_rate(job)), "over all its runs" if best is None else f"{rate(best)} in the best minute"),
        ("Latency p50", latency(slow["p50"]), f"p95 {latency(slow['p95'])}"),
        ("Cost", money(job.cost), f"{money(account.cost_per_1000)} for 1,000 items"),
        ("Running", duration(job.active_s), f"of {duration(account.wall_s)}"),
    )
    tiles = (
        element("div", element("dt", name), element("dd", value), element("dd", more, class_="more"))
        for name, value, more in each
    )
    return element("dl", *tiles, class_="tiles")


def _section(heading: str, *parts: Markup) -> Markup:
    return element("section", element("h2", heading), *parts)


def _shares(account: Account) -> Markup:
    found = list(zip(shares(account.job.spent), cycle(TONES)))
    shown = [(what, share, tone) for (what, share), tone in found if share >= 0.005]
    bar = (element("span", class_=f"key {tone}", style=f"flex: {share:.4f}") for _, share, tone in shown)
    names = keys([(f"{words_of(what).short} {share_of(share)}", tone) for what, share, tone in shown])
    return together(element("div", *bar, class_="shares", aria_hidden="true"), names)


def _turns(account: Account) -> Markup:
    columns = ("", "Running for", "Who", "Setting", "Items/s", "Errors")
    rows: list[tuple[str, ...]] = []
    for number, turn in enumerate(account.timeline.turns, start=1):
        place, who, what, speed, bad = told.turn_cells(turn)
        changed = element("ul", *(element("li", line) for line in what.splitlines()))
        rows.append((str(number), f"{place} ({moment(turn.at)})", who, changed, speed, bad))
    note = f"{plural(len(rows), 'time')}; items/s and errors in the minute before → after, or up to the next change"
    return together(_table(columns, rows, numbers=(0,)), element("p", note))


def _rows(rows: Iterable[tuple[str, str]]) -> Markup:
    lines = (element("tr", element("th", name, scope="row"), element("td", value)) for name, value in rows)
    return element("table", element("tbody", *lines))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (0,)) -> Markup:
    classes = ["number" if i in numbers else "text" for i in range(len(columns))]
    head = (element("th", name, scope="col", class_=each) for name, each in zip(columns, classes, strict=True))
    body = (
        element("tr", *(element("td", cell, class_=each) for cell, each in zip(cells, classes, strict=True)))
        for cells in rows
    )
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))
