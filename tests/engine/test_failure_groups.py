"""Failures are grouped by what is the same in them, in memory that their number does not change."""

import pytest
from batchtop.engine.failures import grouped, pattern
from batchtop.engine.store.results import Failures
from hypothesis import given
from hypothesis import strategies as st

ONE_MATTER = {
    "no answer within # s": ["no answer within 60 s", "no answer within 1.5 s"],
    "maximum context length is # tokens, # in the messages": [
        "maximum context length is 128,000 tokens, 130211 in the messages",
        "maximum context length is 8192 tokens, 9000 in the messages",
    ],
    "Invalid '…': too long": [
        "Invalid 'messages[0].content': too long",
        'Invalid "it\'s": too long',
        "Invalid `x`: too long",
    ],
    "no item #": [
        "no item 550e8400-e29b-41d4-aaaa-446655440000",
        "no item deadbeefdeadbeefdead",
        "no item 0xFF",
        "no item req_8Ab2",
    ],
    "can't reach #": ["can't reach 127.0.0.1:8080", "can't reach 10.0.0.7:80"],
    "no such text: '…'": ["no such text: 'it went on and on…", 'no such text: "so did this…'],
    "it can't be, they don't say": ["it can't be, they don't say"],
    "": [""],
}


@pytest.mark.parametrize(("expected", "message"), [(key, text) for key, texts in ONE_MATTER.items() for text in texts])
def test_messages_that_differ_in_numbers_ids_and_quoted_texts_are_one_matter(expected: str, message: str):
    assert pattern(message) == expected


@given(st.text() | st.text(alphabet="'\"`…#.- a5f"))
def test_the_pattern_of_a_pattern_is_itself(message: str):
    assert pattern(pattern(message)) == pattern(message)


@given(st.integers(0), st.integers(0))
def test_numbers_never_keep_messages_apart(one: int, other: int):
    assert pattern(f"line {one}: bad") == pattern(f"line {other}: bad")


def failed(kind: str, message: str, items: int = 1, seq: int = 1) -> Failures:
    return Failures(kind, message, items, items * 2, seq)


def test_groups_come_largest_first_with_one_of_them_as_it_was():
    found = grouped(
        [failed("timeout", "after 5 s", 1, 3), failed("bad_item", "row 7", 2, 8), failed("bad_item", "row 8", 3, 9)]
    )
    assert [(group.kind, group.pattern, group.items, group.attempts) for group in found.groups] == [
        ("bad_item", "row #", 5, 10),
        ("timeout", "after # s", 1, 2),
    ]
    assert (found.groups[0].message, found.groups[0].seq, found.items) == ("row 7", 8, 6)


def test_the_same_words_of_two_kinds_are_two_groups():
    assert len(grouped([failed("timeout", "no"), failed("connection", "no")]).groups) == 2


@given(st.lists(st.integers(0, 40)), st.integers(1, 5))
def test_small_groups_are_let_go_and_still_counted(letters: list[int], most: int):
    large = [failed("timeout", "large", 100)]
    found = grouped([*large, *(failed("bad_item", "x" * number) for number in letters)], most)
    assert found.groups[0].pattern == "large"
    assert len(found.groups) <= most
    assert found.items == 100 + len(letters)
