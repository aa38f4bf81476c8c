"""The preparation of rows: what each step lets through, in which order, and that it stays so when others come."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec
from batchtop.engine.prepare import StepError, Tally, build_step, check_left, prepared
from batchtop.engine.preparespec import (
    ChunkSpec,
    DuplicatesSpec,
    FilterSpec,
    PrioritySpec,
    SampleSpec,
    StepSpec,
    counts_in_words,
    fingerprint_of,
)
from batchtop.engine.source import Record
from hypothesis import given
from hypothesis import strategies as st

SOURCE = InputSpec("rows.jsonl", "id")


def record(line: int, **fields: Any) -> Record:
    return Record(line, msgspec.json.encode(fields["id"]).decode(), fields, msgspec.json.encode(fields))


def rows(*texts: object, **more: list[Any]) -> list[Record]:
    return [
        record(number, id=number, text=text, **{name: values[number - 1] for name, values in more.items()})
        for number, text in enumerate(texts, 1)
    ]


def through(records: Iterable[Record], *steps: StepSpec, tally: Tally | None = None) -> list[Record]:
    return list(prepared(iter(records), steps, SOURCE, tally=tally))


def ids(records: Iterable[Record], *steps: StepSpec) -> list[Any]:
    return [json.loads(each.key) for each in through(records, *steps)]


# ── chunks ──

PARAGRAPHS = "One is short. Two is too.\n\nThree stands alone.\n\n\n   \nFour ends it."


def texts(records: Iterable[Record], spec: StepSpec) -> list[str]:
    return [str(each.fields["text"]) for each in through(records, spec)]


def test_a_row_becomes_its_chunks_with_ids_of_their_own_and_all_its_fields():
    (first, second, *_) = through([record(7, id="a", text=PARAGRAPHS, lang="en")], ChunkSpec("text", 30))
    assert (first.line, first.key, second.key) == (7, '"a#1"', '"a#2"')
    assert first.fields == {"id": "a", "text": "One is short. Two is too.", "lang": "en", "chunk": 1, "chunks": 3}
    assert msgspec.json.decode(second.payload) == second.fields


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (ChunkSpec("text", 1_000), [PARAGRAPHS]),
        (ChunkSpec("text", 26), ["One is short. Two is too.", "Three stands alone.", "Four ends it."]),
        (ChunkSpec("text", 14), ["One is short.", "Two is too.", "Three stands", "alone.", "Four ends it."]),
        (
            ChunkSpec("text", 14, overlap=6),
            ["One is short.", "short.", "Two is too.", "Three stands", "alone.", "Four ends it."],
        ),
        (
            ChunkSpec("text", 1_000, by="paragraph"),
            ["One is short. Two is too.", "Three stands alone.", "Four ends it."],
        ),
    ],
    ids=["whole", "paragraphs", "sentences", "overlap", "by paragraph"],
)
def test_texts_are_cut_where_they_mean_least(spec, wanted):
    found = texts(rows(PARAGRAPHS), spec)
    assert all(len(each) <= spec.size for each in found)
    if spec.overlap:
        assert len(found) >= 5
        assert any(one.split()[-1] == other.split()[0] for one, other in pairwise(found))
    else:
        assert found == wanted


def test_tokens_of_a_known_vocabulary_need_no_download():
    found = texts(rows("word " * 100), ChunkSpec("text", 10, tokenizer="o200k_base"))
    assert [len(each.split()) for each in found] == [10] * 10


def test_markdown_is_cut_at_its_headings():
    text = "# One\n\nText of one.\n\n# Two\n\nText of two."
    assert texts(rows(text), ChunkSpec("text", 30, by="markdown")) == ["# One\n\nText of one.", "# Two\n\nText of two."]


@given(st.text(max_size=300), st.integers(1, 40))
def test_no_chunk_is_empty_or_too_long_and_none_of_the_text_is_lost(text, size):
    found = texts(rows(text.encode(errors="ignore").decode()), ChunkSpec("text", size))
    assert all(each.strip() and len(each) <= size for each in found)
    assert "".join("".join(found).split()) == "".join(text.encode(errors="ignore").decode().split())


def test_a_document_alone_decides_its_chunks():
    one, other = record(1, id="a", text=PARAGRAPHS), record(2, id="b", text="word " * 50)
    alone = [each.key for each in through([other], ChunkSpec("text", 26))]
    assert [each.key for each in through([one, other], ChunkSpec("text", 26))][3:] == alone


def test_a_row_without_text_has_no_chunks():
    assert ids([*rows("", None, "  \n "), record(4, id=4), record(5, id=5, text="x")], ChunkSpec("text", 9)) == ["5#1"]


# ── filter ──


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (FilterSpec("text", min_length=1), [1, 3, 4]),
        (FilterSpec("text", max_length=4), [2, 3, 5]),
        (FilterSpec("text", min_length=3, max_length=3), [3]),
        (FilterSpec("text", match=r"(?i)^GOOD"), [1]),
        (FilterSpec("text", not_match=r"\d"), [1, 2, 4, 5]),
        (FilterSpec(where="stars >= 3 and len(text.strip()) > 2"), [1, 3]),
        (FilterSpec(where="lang in ['de', 'fr']"), [4]),
        (FilterSpec(where="get('missing', 5) > 3 and not has('missing')"), [1, 2, 3, 4, 5]),
        (FilterSpec(where="row['lang'].startswith('e')"), [1, 2, 3]),
        (FilterSpec("text", languages=("de", "fr")), [4]),
        (FilterSpec("text", min_length=1, where="stars < 5"), [3, 4]),
    ],
)
def test_a_filter_lets_through_what_meets_all_it_asks(spec, wanted):
    given_rows = rows(
        *("good day to you", "   ", "123", "Der Akku hält zwei Tage.", None),
        stars=[5, 4, 3, 2, 1],
        lang=["en", "en", "en", "de", ""],
    )
    assert ids(given_rows, spec) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stars > '3'", "not supported between instances of 'int' and 'str'"),
        ("star > 3", "did you mean 'stars'"),
        ("row['nope']", "the row has no field 'nope'"),
        ("1 / (stars - 5)", "division by zero"),
        ("9**9**9", "9"),
        ("text.__class__", "__"),
        ("text.format(1)", "format"),
        ("row.clear()", "not allowed"),
        ("len", "a function that is not called"),
    ],
)
def test_an_expression_that_has_no_value_names_the_row(text, said):
    step = FilterSpec(where=text)
    with pytest.raises(InputError, match=r"^rows.jsonl, line 1, item 1: prepare\[0\].where: ") as failed:
        through(rows("x", stars=[5]), step)
    assert said in str(failed.value)


# ── duplicates ──


def test_the_first_that_says_something_stays():
    given_rows = rows("Good phone", "good   PHONE ", "ｇood phone", "bad phone", None, "")
    assert ids(given_rows, DuplicatesSpec(("text",))) == [1, 4, 5]


def test_all_of_the_fields_named_have_to_be_the_same():
    given_rows = rows("a", "a", "a", product=["x", "y", "X"])
    assert ids(given_rows, DuplicatesSpec(("text", "product"))) == [1, 2]
    assert ids(rows("ab", "a", product=["c", "bc"]), DuplicatesSpec(("text", "product"))) == [1, 2]


REVIEW = "The battery of this phone lasts two full days and the screen is bright enough even in the sun of July"


def test_what_is_nearly_the_same_goes_and_what_only_sounds_like_it_stays():
    given_rows = rows(
        REVIEW,
        REVIEW.replace("July", "June"),
        REVIEW.upper() + "!",
        REVIEW[::-1],
        "The battery of this phone died after a day",
    )
    assert ids(given_rows, DuplicatesSpec(("text",), near=0.8)) == [1, 4, 5]
    assert ids(given_rows, DuplicatesSpec(("text",), near=1.0)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("near", [None, 0.8])
def test_what_was_dropped_is_told_with_who_stays(near):
    told: list[tuple[str, str | None]] = []
    steps = [DuplicatesSpec(("text",), near=near)]
    drop = [lambda record, same: told.append((record.key, same))]
    assert len(list(prepared(iter(rows("x" * 30, "y" * 30, "Y" * 30)), steps, SOURCE, drop=drop))) == 2
    assert told == [("3", "2")]


# ── sample and priority ──


def test_a_sample_is_stable_when_rows_are_added_and_another_seed_takes_others():
    some, more = rows(*"x" * 200), rows(*"x" * 1_000)
    small, large = set(ids(some, SampleSpec(share=0.25))), set(ids(more, SampleSpec(share=0.25)))
    assert small == {each for each in large if each <= 200}
    assert 200 < len(large) < 300
    assert set(ids(more, SampleSpec(share=0.25, seed=1))) != large


def test_a_sample_of_n_has_n_rows_in_the_order_of_the_input():
    taken = ids(rows(*"x" * 500), SampleSpec(n=50))
    assert len(taken) == 50
    assert taken == sorted(taken)
    assert ids(reversed(rows(*"x" * 500)), SampleSpec(n=50)) == taken[::-1]
    assert len(set(ids(rows(*"x" * 520), SampleSpec(n=50))) - set(taken)) < 10


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (PrioritySpec("stars"), [2, 4, 1, 5, 3]),
        (PrioritySpec("stars", first="low"), [1, 5, 2, 4, 3]),
        (PrioritySpec("len(text)", first="low"), [1, 5, 4, 2, 3]),
        (PrioritySpec("cell"), [4, 1, 2, 3, 5]),
        (PrioritySpec("'2024' if text == 'a' else None"), [1, 5, 2, 3, 4]),
    ],
)
def test_what_has_priority_goes_first_and_equals_keep_their_order(spec, wanted):
    given_rows = rows("a", "bbb", "cccc", "dd", "a", stars=[1, 5, None, 5, 1], cell=["9", "8", "1.5", "10", None])
    assert ids(given_rows, spec) == wanted


@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False)),
        max_size=40,
    )
)
def test_a_priority_is_a_stable_sort(values):
    given_rows = rows(*values)
    known = [each for each in given_rows if each.fields["text"] is not None]
    wanted = sorted(known, key=lambda each: -float(each.fields["text"]))  # pyright: ignore[reportArgumentType]
    found = through(given_rows, PrioritySpec("text"))
    assert found[: len(known)] == wanted
    assert [each.fields["text"] for each in found[len(known) :]] == [None] * (len(given_rows) - len(known))


# ── the chain ──


def test_steps_go_one_after_the_other_and_are_counted():
    tally = Tally()
    steps = (
        ChunkSpec("text", 12),
        FilterSpec("text", match=r"\w"),
        DuplicatesSpec(("text",)),
        PrioritySpec("len(text)", first="low"),
    )
    given_rows = rows("Dear reader.\n\n***\n\nIt rains.", "Dear reader.\n\nThe sun.", "")
    assert [each.key for each in through(given_rows, *steps, tally=tally)] == ['"2#2"', '"1#3"', '"1#1"']
    assert tally.rows == [3, 5, 4, 3, 3]
    assert counts_in_words(steps[:2], tally.rows[:3]) == (
        "3 rows, 5 after chunk: text, up to 12 characters, 4 after filter: text, match \\w"
    )


def test_rows_go_through_one_by_one():
    read: list[int] = []

    def reading() -> Iterator[Record]:
        for each in rows(*"abcdef"):
            read.append(each.line)
            yield each

    steps = [FilterSpec("text", min_length=1), DuplicatesSpec(("text",), near=0.9), SampleSpec(share=1.0)]
    chain = prepared(reading(), [*steps, ChunkSpec("text", 5)], SOURCE)
    assert next(chain).key == '"1#1"'
    assert read == [1]


def test_steps_that_need_all_rows_can_be_left_out_for_a_first_look():
    steps = [PrioritySpec("line"), SampleSpec(n=1), FilterSpec("text", match="c")]
    assert [each.key for each in prepared(iter(rows(*"abc")), steps, SOURCE, quick=True)] == ["3"]


def test_where_nothing_is_left_it_says_which_step_took_the_last():
    tally, steps = Tally(), [FilterSpec("text", min_length=1), FilterSpec("text", match="x"), SampleSpec(share=1.0)]
    assert through(rows("a", "b"), *steps, tally=tally) == []
    with pytest.raises(InputError, match=r"none of its 2 rows is left after prepare\[1\] \(filter: text, match x\)"):
        check_left(tally, steps, "rows.jsonl")


@pytest.mark.parametrize("spec", [ChunkSpec("txt", 9), FilterSpec("txt", max_length=9), DuplicatesSpec(("id", "txt"))])
def test_a_field_that_no_row_has_is_named(spec):
    key = "fields" if isinstance(spec, DuplicatesSpec) else "field"
    said = rf"^rows.jsonl: no row has a field 'txt', which prepare\[0\].{key} names; did you mean 'text'"
    with pytest.raises(InputError, match=said):
        through(rows("a", "b"), spec)


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [
        ("semantic_text_splitter", ChunkSpec("text", 9), "prepare"),
        ("rensa", DuplicatesSpec(("text",), near=0.8), "prepare"),
        ("lingua", FilterSpec("text", languages=("en",)), "languages"),
    ],
)
def test_a_library_that_is_missing_is_told_with_what_brings_it(module, spec, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StepError, match=rf"pip install 'batchtop\[{extra}\]'"):
        build_step(spec)


def test_where_dropped_rows_go_is_no_part_of_the_preparation():
    steps = [FilterSpec("text", min_length=1), SampleSpec(n=5)]
    elsewhere = [FilterSpec("text", min_length=1, dropped="x.jsonl"), SampleSpec(n=5)]
    assert fingerprint_of(steps) == fingerprint_of(elsewhere) != fingerprint_of([*steps, SampleSpec(n=4)])
    assert fingerprint_of(()) == ""


def test_libraries_are_imported_by_the_steps_that_need_them():
    program = "import batchtop.engine.jobfile, batchtop.engine.loading, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"semantic_text_splitter", "rensa", "lingua", "simpleeval"} & set(found)
