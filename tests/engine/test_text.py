"""Text from outside never moves the cursor, floods the screen or shows a key."""

import sys
import unicodedata

import pytest
from batchtop.engine.text import clean, looks_like_key, plural, redact, safe
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\r\n\tof it ", "two lines of it"),
        ("\x1b[31mred\x1b[0m and \x1b[2J\x1b[Hhome", "red and home"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never closed", ""),
        ("\x1bPq#0;2\x1b\\sixel", "sixel"),
        ("\x9b31mred", "red"),
        ("\x1b(Bcharset \x1bcreset", "charset reset"),
        ("a\x00b\x07c\x7fd", "abcd"),
        ("abc\u202etxt.exe", "abctxt.exe"),
        ("zero\u200b\u2060\ufeffwidth", "zerowidth"),
        ("soft\u00adhyphen \U000e0041tag", "softhyphen tag"),
        ("\U0001f469\u200d\U0001f4bb at work", "\U0001f469\U0001f4bb at work"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("", ""),
    ],
)
def test_clean_leaves_only_text(raw, shown):
    assert clean(raw).replace("  ", " ") == shown


def test_clean_caps_with_an_ellipsis():
    assert clean("x" * 11, limit=10) == "x" * 9 + "…"
    assert clean("x" * 10, limit=10) == "x" * 10


@given(st.text(), st.integers(1, 50))
def test_clean_is_one_encodable_line_within_its_limit(raw, limit):
    shown = clean(raw, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Incorrect API key provided: sk-proj-abc123XYZ456.", "Incorrect API key provided: ***"),
        ("key sk-ant-api03-aaaabbbb1111 refused", "key *** refused"),
        ("got gsk_abcdEFGH1234 here", "got *** here"),
        ("sk-****************abcd is wrong", "*** is wrong"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("a task-force of risk-averse people", "a task-force of risk-averse people"),
        ("the hidden word is swordfish", "the hidden word is ***"),
    ],
)
def test_redact_hides_keys_and_secrets(raw, shown):
    assert redact(raw, ["swordfish", ""]) == shown


def _of(*categories):
    return [each for each in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(each) in categories]


def test_nothing_unseen_stays_or_breaks_up_a_key():
    assert clean("".join(_of("Cf", "Cs")), limit=10_000) == ""
    for each in [*_of("Cf"), "\ufe0f", "\u034f", "\u3164"]:
        broken_up = f"got sk-{each}abcd{each}EFGH{each}1234 or sword{each}fish"
        assert safe(broken_up, ["swordfish"]) == "got *** or ***", hex(ord(each))


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "SK_TEST", "MY_KEY_2", "hf_token"])
def test_names_of_variables_do_not_look_like_keys(name):
    assert not looks_like_key(name)


@pytest.mark.parametrize("key", ["sk-abcdefgh1234", "gsk_abcdefgh1234", "AIzaSyA1234567890abcdefghijk"])
def test_keys_look_like_keys(key):
    assert looks_like_key(key)


def test_one_of_something_is_told_as_one():
    assert [plural(number, "item") for number in (0, 1, 2, 12_345)] == ["0 items", "1 item", "2 items", "12,345 items"]
