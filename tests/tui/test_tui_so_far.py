"""A job whose input has not come to its end is never shown as all done, nor told when it will be."""

from dataclasses import replace

import pytest
from batchtop.cli.tell import progress
from batchtop.engine.snapshot import JobRow
from batchtop.tui.figures.joblist import Entry
from batchtop.tui.figures.pace import Speeds
from batchtop.tui.figures.series import eta_s
from batchtop.tui.widgets.header import Said, header
from batchtop.tui.widgets.jobtable import job_text
from batchtop.tui.words.line import text_of

from .fake_source import JOB, START, snapshot

ENDED = replace(JOB, total=1_000, done=950, failed=50)


def told(job: JobRow) -> list[str]:
    """Return what the screens and the command line say of a job's progress."""
    shot = snapshot(job=job)
    entry = Entry(job, START)
    lines = [text_of(each) for each in header(shot, 100, Said())]
    return [*lines, job_text(entry), progress(shot)]


def test_an_open_input_has_no_percentage():
    said = told(replace(ENDED, open=True))
    assert not any("100 %" in line for line in said), said
    assert sum("so far" in line for line in said) == 3
    assert not any("━" in line for line in said), "a bar says how much of a whole is done"
    assert any("100 %" in line for line in told(ENDED))


def test_an_open_input_has_no_eta():
    left = replace(ENDED, done=500)
    assert eta_s(snapshot(job=left)) is not None
    assert eta_s(snapshot(job=replace(left, open=True))) is None


@pytest.mark.parametrize("is_open", [False, True])
def test_the_list_of_jobs_knows_no_end_either(is_open: bool):  # noqa: FBT001
    speeds = Speeds()
    for second, done in ((0.0, 100), (10.0, 500)):
        pace = speeds.read(START + second, (replace(ENDED, done=done, open=is_open),))
    assert (pace[JOB.id].eta_s is None) is is_open
    assert pace[JOB.id].speed == 40.0
