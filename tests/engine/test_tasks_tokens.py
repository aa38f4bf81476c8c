"""Tokens are counted with a vocabulary where a job names one, and what can't be had is told up front."""

import json
import sys
from pathlib import Path

import pytest
import tiktoken.registry
from batchtop.engine.errors import JobFileError, SettingError
from batchtop.engine.item import Item
from batchtop.engine.jobfile import load_job
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.tokens import LONGEST, counter
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec
from batchtop.engine.transports import Response
from hypothesis import given
from hypothesis import strategies as st


def words() -> dict[str, object]:
    """An encoding with the bytes, and a few pairs that make one word of four letters."""
    pairs = [b"wo", b"rd", b"word", b" word"]
    return {
        "name": "words",
        "pat_str": r" ?[a-z]+|.|\n",
        "mergeable_ranks": {bytes([n]): n for n in range(256)} | {pair: 256 + n for n, pair in enumerate(pairs)},
        "special_tokens": {"<|end|>": 300},
    }


def unreachable() -> dict[str, object]:
    raise ConnectionError("no route to host")


@pytest.fixture(autouse=True)
def _encodings(monkeypatch):
    """Encodings that need no download, beside those that tiktoken knows."""
    tiktoken.list_encoding_names()
    known = tiktoken.registry.ENCODING_CONSTRUCTORS or {}
    monkeypatch.setattr(tiktoken.registry, "ENCODING_CONSTRUCTORS", {**known, "words": words, "far_away": unreachable})
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word word word", 3), ("a b", 3), ("<|end|>", 7), ("é", 2), ("word" * 30_000, 30_000)],
)
def test_tokens_are_those_of_the_encoding(text, tokens):
    assert counter("words")(text) == tokens


@given(st.text())
def test_any_text_has_a_number_of_tokens(text):
    assert 0 <= counter("words")(text) <= len(text.encode(errors="surrogatepass"))


def test_a_text_of_one_endless_word_is_counted_in_pieces():
    assert counter("words")("a" * (3 * LONGEST)) == 3 * LONGEST


ITEM = Item(1, "1", {"text": "word word"})


def test_a_chat_request_has_the_tokens_of_its_messages_and_of_the_schemas_in_it():
    count = counter("words")

    def tokens(**more):
        spec = ChatSpec(model="m", prompt="{text}", tokenizer="words", **more)
        return build_task(spec, None).plan([ITEM]).calls[0].most.tokens_in

    assert tokens() == 2 + 4 + 4
    assert tokens(system="word", temperature=0.5, max_tokens=9) == tokens() + 1 + 4
    tools = {"tools": [{"type": "function"}]}
    assert tokens(parameters=tools) == tokens() + count(json.dumps(tools, separators=(",", ":")))


def test_an_embeddings_request_has_the_tokens_of_its_texts():
    task = build_task(EmbeddingsSpec(model="m", text="{text}", tokenizer="words"), None)
    assert task.plan([ITEM, ITEM]).calls[0].most.tokens_in == 4


def test_the_answer_is_read_as_ever():
    task = build_task(ChatSpec(model="m", prompt="{text}", tokenizer="words"), None)
    body = b'{"choices": [{"message": {"content": "a"}}]}'
    assert task.read(task.plan([ITEM]).calls[0], Response(200, {}, body)).answers[0].output == b'"a"'


class TestWhatCannotBeHad:
    def test_an_unknown_encoding_is_told_with_the_nearest(self):
        with pytest.raises(SettingError, match="'word' is no encoding of tiktoken; did you mean 'words'"):
            counter("word")

    def test_a_vocabulary_that_cannot_be_downloaded_is_told_with_a_way_out(self):
        with pytest.raises(SettingError, match=r"far_away can't be had \(no route to host\).*TIKTOKEN_CACHE_DIR"):
            counter("far_away")

    def test_a_missing_extra_is_told_with_the_command_that_installs_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "tiktoken", None)
        with pytest.raises(SettingError, match=r"pip install 'batchtop\[tokens\]'"):
            counter("words")
        with pytest.raises(SettingError, match="tiktoken"):
            build_task(ChatSpec(model="m", prompt="p", tokenizer="words"), None)

    def test_a_job_file_is_refused_with_its_key(self, tmp_path: Path):
        path = tmp_path / "job.toml"
        head = '[input]\npath = "in"\n[task]\ntype = "chat"\nmodel = "m"\nprompt = "p"\ntokenizer = '
        path.write_text(head + '"words"')
        assert load_job(path).task.tokenizer == "words"
        path.write_text(head + '"far_away"')
        with pytest.raises(JobFileError, match=r"job\.toml: task\.tokenizer: the vocabulary of far_away can't be had"):
            load_job(path)
