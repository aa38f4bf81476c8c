"""`batchtop report`: a job over all its runs, summed up and drawn, for a terminal, a log, a machine or a browser."""

import json
import os
import sys
from argparse import Namespace
from typing import Final

from ...tui.words.glyphs import charset
from ..opened import opened
from ..say import width
from .account import Account, failed
from .timeline import timeline

PLAIN_WIDTH: Final = 80
LEAST_WIDTH: Final = 60


def report(options: Namespace) -> int:
    """Tell of one job."""
    account = _account(options)
    if options.html is not None:
        return _write_page(options, account)
    if options.json:
        from .facts import report_facts

        print(json.dumps(report_facts(account)))
        return 0
    from .text import Look, report_text

    shown = sys.stdout.isatty()
    look = Look(
        width=options.width or max(LEAST_WIDTH, width(PLAIN_WIDTH)),
        colour=shown and not os.environ.get("NO_COLOR"),
        charset=charset(os.environ, ascii_only=options.ascii),
    )
    print(report_text(account, look))
    return 0


def _account(options: Namespace) -> Account:
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
        snapshot = reader.snapshot(job.name)
        assert snapshot is not None, "a known job has a snapshot"  # noqa: S101
        return Account(
            snapshot,
            timeline(reader.history(job.id), reader.changes(job.id)),
            failed(reader.results.failures(job.id)),
            reader.results.files(job.id),
        )


def _write_page(options: Namespace, account: Account) -> int:

    from ...engine.output.whole import own_files
    from ..target import target
    from .html import is_report, report_html

    page = report_html(account).encode()
    with target(options.html, "report", is_report, own_files(options.db, account.files)) as file:
        file.write(page)
    if options.html != "-":
        print(f"the report of {account.job.name} is in {options.html}", file=sys.stderr)
    return 0
