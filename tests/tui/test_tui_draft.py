"""A draft of a job: what is wrong with it, what it is called, and that the job file written of it means the same."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.jobfile import load_job
from batchtop.engine.tasks.template import compile_template
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec
from batchtop.tui.newjob.draft import (
    ENTRIES,
    Draft,
    Entry,
    for_file,
    free_name,
    price,
    problem,
    template_problem,
    unknown_fields,
    whole,
)
from batchtop.tui.newjob.jobtext import job_text, text_of
from batchtop.tui.newjob.preview import preview, preview_lines
from hypothesis import example, given
from hypothesis import strategies as st

DRAFT = Draft(path="/data/reviews.jsonl", name="reviews", model="gpt-4o-mini", prompt="Classify: {text}")
FIELDS = ("id", "text")

awkward = st.text(st.sampled_from("\"'\\\n\r\t#= {}[]\x00\x1b\x7f\x85aä漢 "), max_size=12)
texts = awkward | st.text(max_size=40)
literal_braces = texts.map(lambda text: text.replace("{", "{{").replace("}", "}}"))
templates = st.lists(literal_braces | st.sampled_from(["{text}", "{id}", '"""', "'''"]), min_size=1).map("".join)


def loaded(draft: Draft, folder: Path):
    path = folder / "job.toml"
    path.write_text(job_text(draft), encoding="utf-8", newline="")
    return load_job(path)


@given(texts)
@example('"""')
@example('""""')
@example('\n"""')
@example('a\n\\"')
@example("a\n'''\\")
@example("a\r\nb")
def test_any_text_is_read_back_from_toml_as_it_was(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"x = {text_of(text)}\n") == {"x": text}


@given(
    prompt=templates.filter(bool),
    system=templates,
    model=st.text(min_size=1, max_size=20).filter(lambda text: text.strip()),
    id_field=texts,
    most=st.none() | st.integers(1, 999_999_999),
    price_in=st.none() | st.decimals(0, 999_999, places=6),
    url=st.sampled_from(["", "http://127.0.0.1:8800/v1", "https://api.example.com/v1/"]),
    stem=texts.map(lambda text: text.replace("/", "").replace("\0", "")),
)
def test_a_draft_is_read_back_from_its_job_file(
    tmp_path_factory: pytest.TempPathFactory, *, prompt, system, model, id_field, most, price_in, url, stem
) -> None:
    folder = tmp_path_factory.getbasetemp()
    draft = Draft(
        path=f"{folder}/{stem}.jsonl", name="job", model=model, base_url=url, id=id_field, system=system, prompt=prompt,
        max_tokens="" if most is None else f"{most:,}", price_in="" if price_in is None else str(price_in),
        preset="balanced",
    )  # fmt: skip
    spec = loaded(draft, folder)
    assert isinstance(spec.task, ChatSpec)
    assert (spec.task.prompt, spec.task.system) == (prompt, system or None)
    assert (spec.task.model, spec.task.base_url) == (model.strip(), draft.url)
    assert (spec.task.max_tokens, spec.task.api_key_env) == (most, draft.keys)
    assert spec.task.price_in == (None if price_in is None else float(price_in))
    assert (spec.input.id or "", Path(spec.input.path)) == (id_field, draft.input)
    assert (spec.name, spec.preset, spec.output.path) == ("job", "balanced", str(folder / "job.out.jsonl"))


def test_embeddings_have_a_text_and_nothing_of_chat(tmp_path: Path) -> None:
    draft = Draft(
        path=f"{tmp_path}/deep/in.csv", kind="embeddings", name="vectors", model="m", prompt="{text}",
        system="left over", max_tokens="5", price_out="1", key_env="A_KEY, B_KEY", job_file=f"{tmp_path}/job.toml",
    )  # fmt: skip
    spec = loaded(draft, tmp_path)
    assert spec.task == EmbeddingsSpec(model="m", text="{text}", api_key_env=("A_KEY", "B_KEY"))
    assert spec.input.path == f"{tmp_path}/deep/in.csv"
    assert spec.output.path == f"{tmp_path}/deep/vectors.out.jsonl"
    assert 'path = "deep/in.csv"' in job_text(draft), "a folder can be moved as a whole"
    assert {"max_tokens", "price_out"}.isdisjoint(draft.entries)


def test_a_job_file_reads_as_a_person_would_have_written_it() -> None:
    draft = replace(
        DRAFT, id="id", prompt='Answer as {{"label": ...}}.\n\nReview:\n{text}', system='Say "yes" or "no".'
    )
    assert job_text(draft) == (
        'name = "reviews"\n'
        "\n[input]\n"
        'path = "reviews.jsonl"\nid = "id"\n'
        "\n[task]\n"
        'type = "chat"\nmodel = "gpt-4o-mini"\napi_key_env = ["OPENAI_API_KEY"]\n'
        'system = \'Say "yes" or "no".\'\n'
        'prompt = """\nAnswer as {{"label": ...}}.\n\nReview:\n{text}"""\n'
        "\n[output]\n"
        'path = "reviews.out.jsonl"\n'
    )


@pytest.mark.parametrize(
    ("entry", "typed", "told"),
    [
        ("model", " ", "model's name"),
        ("base_url", "localhost:8800/v1", "http://"),
        ("base_url", "HTTP://localhost/v1", ""),
        ("base_url", "", ""),
        ("key_env", "OPENAI_API_KEY", ""),
        ("key_env", "A_KEY B_KEY,C_KEY", ""),
        ("key_env", "MY-KEY", "letters"),
        ("key_env", "sk-abc123def456ghi789", "a key itself"),
        ("key_env", "abcdef0123456789abcdef0123456789", "a key itself"),
        ("key_env", "MYPROVIDERKEY2", ""),
        ("id", "text", ""),
        ("id", "txt", "did you mean 'text'"),
        ("name", "my reviews", "letters"),
        ("name", "", "letters"),
        ("name", "2026.reviews_v1", ""),
        ("output", "-", "a file"),
        ("output", "answers.jsonl", ""),
        ("max_tokens", "1,000", ""),
        ("max_tokens", "0", "whole number"),
        ("max_tokens", "5.5", "whole number"),
        ("max_tokens", "1,5", "whole number"),
        ("price_in", "$0.15", ""),
        ("price_in", "nan", "USD"),
        ("price_out", "-1", "USD"),
        ("price_out", "2000000", "USD"),
    ],
)
def test_an_entry_says_what_is_wrong_with_it(entry: Entry, typed: str, told: str) -> None:
    found = problem(replace(DRAFT, **{entry: typed}), entry, FIELDS)
    assert told in found if told else found == ""


def test_a_good_draft_has_no_problem() -> None:
    assert [problem(DRAFT, entry, FIELDS) for entry in ENTRIES] == [""] * len(ENTRIES)
    assert template_problem(DRAFT) == ""
    assert unknown_fields(DRAFT, FIELDS) == []


def test_numbers_are_read_as_they_are_typed() -> None:
    assert list(map(whole, ("500", " 1,000 ", "1_000", "", "x", "1e3"))) == [
        500,
        1000,
        1000,
        None,
        None,
        None,
    ]
    assert [price(typed) for typed in ("0.15", ".5", "$2", "", "x", "1,5")] == [0.15, 0.5, 2.0, None, None, None]


@pytest.mark.parametrize(
    ("prompt", "told"), [("", "is empty"), ("a } b", "prompt: '}' at character 3"), ("{{literal}}", "")]
)
def test_a_prompt_says_what_is_wrong_with_it(prompt: str, told: str) -> None:
    found = template_problem(replace(DRAFT, prompt=prompt))
    assert told in found if told else found == ""


def test_a_field_that_is_not_there_is_told_with_the_nearest() -> None:
    draft = replace(DRAFT, prompt="{txt} {text} {txt} {{not_a_field}}", system="{id} {elsewhere}")
    assert unknown_fields(draft, FIELDS) == [
        "{elsewhere}: no such field; it can be: id, text",
        "{txt}: no such field; did you mean 'text'?",
    ]


@pytest.mark.parametrize(
    ("stem", "taken", "name"),
    [
        ("reviews", (), "reviews"),
        ("reviews", ("reviews", "reviews-2"), "reviews-3"),
        ("my reviews (new)", (), "my-reviews-new"),
        ("漢字", (), "job"),
        ("..", (), "job"),
        ("x" * 300, (), "x" * 90),
    ],
)
def test_a_name_is_made_of_the_files(stem: str, taken: tuple[str, ...], name: str) -> None:
    assert free_name(stem, taken) == name
    assert problem(replace(DRAFT, name=name), "name", FIELDS) == ""


def test_another_file_keeps_what_was_typed_and_fits() -> None:
    draft = for_file(replace(DRAFT, name="", id="text"), FIELDS, {"reviews"})
    assert (draft.name, draft.id) == ("reviews-2", "text")
    other = replace(draft, path="/data/other.csv")
    assert for_file(other, ("a",), ()).name == "reviews-2", "it was typed"
    assert for_file(other, ("a",), (), given="reviews-2").name == "other"
    assert for_file(draft, ("a",), ()).id == ""


@given(templates, texts)
def test_a_preview_is_what_the_template_gives(prompt: str, text: str) -> None:
    row = {"id": 7, "text": text}
    (said,) = preview(replace(DRAFT, prompt=prompt), row) or [None]
    if prompt:
        assert said.text == compile_template(prompt).render(row)
        assert said.problem == ""
        for line in preview_lines((said,), 40):
            assert "\x1b" not in "".join(text for text, _ in line)


def test_a_preview_says_why_a_row_can_not_be_sent() -> None:
    system, user = preview(replace(DRAFT, system="a {", prompt="{text}"), {"id": 1})
    assert "has no partner" in system.problem
    assert user.problem == "no field 'text' in this item: it has id"
    assert user.text == "{text}"


def test_the_whole_file_is_one_that_the_engine_builds(tmp_path: Path) -> None:
    spec = loaded(replace(DRAFT, path=f"{tmp_path}/reviews.jsonl", price_in="0.15", price_out="0.6"), tmp_path)
    assert msgspec.to_builtins(spec.task)["price_out"] == 0.6
