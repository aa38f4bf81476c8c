"""The table [output] of a job file."""

from pathlib import Path

import pytest
from batchtop.engine.errors import JobFileError
from batchtop.engine.jobfile import load_job

JOB = """[input]
path = "in.jsonl"
[task]
type = "chat"
model = "m"
base_url = "http://127.0.0.1:9/v1"
prompt = "{text}"
[output]
"""


def test_order_and_sync(tmp_path: Path):
    path = tmp_path / "job.toml"
    path.write_text(JOB + 'path = "out.jsonl"\norder = "input"\nsync = true')
    assert (load_job(path).output.order, load_job(path).output.sync) == ("input", True)
    path.write_text(JOB)
    assert (load_job(path).output.order, load_job(path).output.sync) == ("completed", False)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ('order = "input"', "output.order: orders the lines of a file: set output.path too"),
        ('path = "o"\nsync = 1', "output.sync: expected"),
        ('path = "in.jsonl"\norder = "input"', "output.path: is the same file as input.path"),
        (
            'path = "o"\nfailures = "o.part"\norder = "input"',
            "output.failures: is the same file as the one output.path is first written to",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(tmp_path: Path, output: str, told: str):
    path = tmp_path / "job.toml"
    path.write_text(JOB + output)
    with pytest.raises(JobFileError, match=told):
        load_job(path)
