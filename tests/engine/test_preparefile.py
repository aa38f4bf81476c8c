"""[[prepare]] in a job file: what it becomes, and one line for each thing that can be wrong with it."""

from pathlib import Path

import pytest
from batchtop.engine.errors import JobFileError
from batchtop.engine.jobfile import load_job
from batchtop.engine.preparespec import ChunkSpec, DuplicatesSpec, FilterSpec, PrioritySpec, SampleSpec

JOB = """\
[input]
{input}
[task]
type = "chat"
model = "m"
base_url = "http://127.0.0.1:9/v1"
prompt = "{{text}}"
[output]
path = "out.jsonl"
"""


def load(folder: Path, steps: str, source: str = 'path = "rows.jsonl"'):
    return load_job(folder / "job.toml", JOB.format(input=source) + steps)


def test_steps_are_read_in_their_order(tmp_path):
    steps = """
        [[prepare]]
        step = "chunk"
        field = "text"
        size = 400
        overlap = 40
        tokenizer = "o200k_base"
        by = "markdown"
        [[prepare]]
        step = "filter"
        field = "text"
        min_length = 20
        languages = ["en", "de"]
        where = "chunk < 9"
        dropped = "dropped.jsonl"
        [[prepare]]
        step = "duplicates"
        fields = ["text"]
        near = 0.9
        [[prepare]]
        step = "sample"
        share = 0.5
        seed = 7
        [[prepare]]
        step = "priority"
        by = "len(text)"
        first = "low"
    """
    assert load(tmp_path, steps).prepare == (
        ChunkSpec("text", 400, overlap=40, tokenizer="o200k_base", by="markdown"),
        FilterSpec(
            "text",
            min_length=20,
            languages=("en", "de"),
            where="chunk < 9",
            dropped=str(tmp_path / "dropped.jsonl"),
        ),
        DuplicatesSpec(("text",), near=0.9),
        SampleSpec(share=0.5, seed=7),
        PrioritySpec("len(text)", first="low"),
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('[prepare]\nstep = "sample"', r"prepare: expected a list of steps, each under its own \[\[prepare\]\]"),
        (
            "[[prepare]]\nn = 5",
            r"prepare\[0\].step: is missing; it can be: chunk, filter, duplicates, sample, priority",
        ),
        ('[[prepare]]\nstep = "chunks"', r"prepare\[0\].step: 'chunks' is no step; did you mean 'chunk'"),
        ('[[prepare]]\nstep = "chunk"\nfield = "text"', r"prepare\[0\].size: is missing"),
        (
            '[[prepare]]\nstep = "sample"\nn = 3\nsize = 4',
            r"prepare\[0\].size: is for steps of 'chunk'; this one is 's",
        ),
        ('[[prepare]]\nstep = "sample"\nn = 3\nm = 4', r"prepare\[0\].m: unknown key"),
        ('[[prepare]]\nstep = "sample"', r"prepare\[0\].step: a sample needs either n.* or share"),
        ('[[prepare]]\nstep = "sample"\nn = 1\nshare = 0.5', r"prepare\[0\].step: a sample needs either"),
        ('[[prepare]]\nstep = "sample"\nshare = 1.5', r"prepare\[0\].share: expected a number <= 1"),
        ('[[prepare]]\nstep = "chunk"\nfield = "t"\nsize = "5"', r"prepare\[0\].size: expected a whole number"),
        (f'[[prepare]]\nstep = "chunk"\nfield = "t"\nsize = {10**20}', r"prepare\[0\].size: expected .* <= "),
        (f'[[prepare]]\nstep = "sample"\nn = {2**63}', r"prepare\[0\].n: expected .* <= "),
        (f'[[prepare]]\nstep = "sample"\nn = 1\nseed = {2**127}', r"prepare\[0\].seed: expected .* <= "),
        (
            '[[prepare]]\nstep = "chunk"\nfield = "t"\nsize = 5\noverlap = 5',
            r"\[0\].overlap: 5 must be less than the s",
        ),
        (
            '[[prepare]]\nstep = "chunk"\nfield = "t"\nsize = 5\ntokenizer = "o200"',
            r"\[0\].tokenizer: 'o200' is no enc",
        ),
        (
            '[[prepare]]\nstep = "chunk"\nfield = "t"\nsize = 5\nby = "markup"',
            r"prepare\[0\].by: 'markup' is not understood; it can be: text, markdown",
        ),
        ('[[prepare]]\nstep = "filter"\nfield = "t"', r"prepare\[0\].step: a filter needs a test: min_length"),
        (
            '[[prepare]]\nstep = "filter"\nmatch = "x"',
            r"prepare\[0\].field: is missing: match is about the text of a f",
        ),
        (
            '[[prepare]]\nstep = "filter"\nfield = "t"\nmatch = "("',
            r"prepare\[0\].match: is no regular expression: mis",
        ),
        (
            '[[prepare]]\nstep = "filter"\nfield = "t"\nlanguages = ["xx"]',
            r"prepare\[0\].languages: 'xx' is no language",
        ),
        ('[[prepare]]\nstep = "filter"\nwhere = "a >"', r"prepare\[0\].where: 'a >': invalid syntax"),
        ('[[prepare]]\nstep = "filter"\nwhere = "lenn(a)"', r"there is no function 'lenn'; did you mean 'len'"),
        (
            '[[prepare]]\nstep = "filter"\nfield = "t"\nmin_length = 5\nmax_length = 4',
            r"\[0\].max_length: 4 is less th",
        ),
        ('[[prepare]]\nstep = "duplicates"\nfields = []', r"prepare\[0\].fields: must not be empty"),
        (
            '[[prepare]]\nstep = "duplicates"\nfields = ["t"]\nnear = 0.1',
            r"prepare\[0\].near: expected a number >= 0.5",
        ),
        ('[[prepare]]\nstep = "sample"\nn = 1\n[[prepare]]\nstep = "priority"', r"prepare\[1\].by: is missing"),
        (
            '[[prepare]]\nstep = "duplicates"\nfields = ["t"]\ndropped = "out.jsonl"',
            r"prepare\[0\].dropped: is the same file as output.path",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_dotted_key(steps, said, tmp_path):
    with pytest.raises(JobFileError, match=said) as failed:
        load(tmp_path, steps)
    assert str(failed.value).startswith(f"{tmp_path}/job.toml: ")
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("steps", "source", "said"),
    [
        ('[[prepare]]\nstep = "sample"\nn = 3', 'path = "-"', r"prepare\[0\].step: needs all rows before the first"),
        ('[[prepare]]\nstep = "priority"\nby = "a"', 'job = "first"', r"prepare\[0\].step: needs all rows before"),
        ('[[prepare]]\nstep = "chunk"\nfield = "text"\nsize = 9', 'path = "-"', r"name a field in input.id"),
    ],
)
def test_rows_that_come_as_the_job_runs_can_only_be_prepared_one_by_one(steps, source, said, tmp_path):
    with pytest.raises(JobFileError, match=said):
        load(tmp_path, steps, source)
    assert load(tmp_path, '[[prepare]]\nstep = "sample"\nshare = 0.5', source).prepare == (SampleSpec(share=0.5),)
