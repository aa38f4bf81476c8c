"""The page of an item: what is shown is fit to be shown, what is copied is exactly what there is."""

import pytest
from batchtop.engine.store.story import Excerpt
from batchtop.engine.text import lines_of
from batchtop.tui.words.itempage import answer_text, page_lines, page_of, page_text
from batchtop.tui.words.line import text_of
from batchtop.tui.words.wrapping import length
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import SPEC
from .stories import PROSE, ended, story


def shown(item, spec=SPEC) -> str:
    return "\n".join(map(text_of, page_lines(page_of(item, spec))[0]))


def body(title: str, item) -> list[str]:
    section = next(each for each in page_of(item, SPEC) if each.title == title)
    return [text_of(each) for each in section.lines]


def test_an_answer_is_shown_without_escapes_and_copied_with_them() -> None:
    item = story(of=ended())
    assert "\x1b" not in shown(item)
    assert "not the red case" in shown(item)
    assert answer_text(item) == PROSE
    assert PROSE in page_text(page_of(item, SPEC))


@pytest.mark.parametrize(
    ("stored", "lines"),
    [
        ('"one\\ntwo\\n\\n\\tthree"', ["one", "two", "", "    three"]),
        ('{"a":1,"b":[true,"x"]}', ["{", '  "a": 1,', '  "b": [', "    true,", '    "x"', "  ]", "}"]),
        ('"{\\"a\\": 1}"', ["{", '  "a": 1', "}"]),
        ('"{no json"', ["{no json"]),
        ("[0.25,-1,3e-5]", ["[0.25, -1, 3e-5]"]),
        ("[]", ["[]"]),
        ('""', ["(empty)"]),
        ("null", ["null"]),
    ],
)
def test_what_was_answered_is_laid_out_for_reading(stored: str, lines: list[str]) -> None:
    assert body("Answer", story(of=ended(output=Excerpt(stored)))) == lines


def test_of_what_was_cut_off_the_beginning_is_shown_and_that_there_is_more() -> None:
    item = story(of=ended(output=Excerpt('"begins so \\ud8', cut=True)), fields=Excerpt('{"text":"beg', cut=True))
    assert body("Answer", item) == ["begins so ", "… only the first 200,000 bytes are shown"]
    assert body("Fields", item) == ['{"text":"beg', "… only the first 200,000 bytes are shown"]
    assert "more than 200,000 bytes" in body("Request, as it goes when the item goes alone", item)[0]


def test_the_request_is_shown_or_why_it_can_not_be() -> None:
    assert "POST http://127.0.0.1:8800/v1/chat/completions" in shown(story())
    assert '"content": "Judge: a ' in shown(story())
    assert "item 3071: " in shown(story(fields=Excerpt('{"other":1}')))
    assert "stored by another version" in shown(story(), "stored by another version")


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (story(), ["○ pending"]),
        (story(of=ended()), ["✓ done", "2023-11-14", "812 ms", "line 3,071"]),
        (story(of=ended("bad_item")), ["✕ bad item", "── Error"]),
        (story(of=ended(stands=False), status="pending"), ["○ pending", "no longer counts", "── Earlier answer"]),
        (story(of=ended("timeout", stands=False), status="pending"), ["── Earlier error"]),
        (story(of=ended(cached=True, attempts=0, tries=())), ["an equal item"]),
        (
            story(of=ended(finish_reason="length", model="gpt-4o")),
            ["token limit cut it short", "gpt-4o, which"],
        ),
        (story(of=ended(), status="removed"), ["no longer in the input"]),
    ],
)
def test_how_an_item_stands(item, told: list[str]) -> None:
    for each in told:
        assert each in shown(item)


def test_earlier_attempts_tell_which_counted() -> None:
    text = shown(story(of=ended()))
    assert "○ rate limited" in text
    assert "12 times in a row" in text
    assert "not counted" in text
    assert "✕ timeout" in text
    assert "counted" in text
    assert "    gpt-4o-mini @ 127.0.0.1:8800  no answer within 30 s" in text
    assert "Earlier attempts" not in shown(story(of=ended(tries=())))


def test_sections_begin_where_they_are_said_to() -> None:
    sections = page_of(story(of=ended()), SPEC)
    lines, starts = page_lines(sections)
    places = [sum(map(length, lines[:number])) for number in range(len(lines))]
    assert [text_of(lines[places.index(start)]) for start in starts] == [f"── {each.title} " for each in sections]


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_nothing_that_moves_a_cursor_is_shown(text: str) -> None:
    for each in lines_of(text):
        assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in each)


def test_a_line_that_a_command_is_never_ended_in_hides_no_other() -> None:
    assert lines_of("one\n\x1b]0;title\nthree") == ["one", "", "three"]
