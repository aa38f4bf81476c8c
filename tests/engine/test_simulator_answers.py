import math
from array import array
from base64 import b64decode
from dataclasses import replace
from statistics import median

import msgspec
import pytest
from batchtop.engine.errors import SettingError
from batchtop.engine.simulator import Behaviour, key_tag, subject
from batchtop.engine.simulator.answers import cut, embedding, opinion, packed, tokens_in
from batchtop.engine.simulator.luck import Luck
from batchtop.engine.simulator.provider import Decision, Incoming, Provider
from hypothesis import given
from hypothesis import strategies as st

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "a"}]}
EMBED = {"model": "text-embedding-3-small", "input": ["a", "b"]}


def ask(
    provider: Provider, path: str, body: object, *, key: str = "", now: float = 0.0, method: str = "POST"
) -> Decision:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return provider.decide(Incoming(method, path, key, raw, now, 1_700_000_000.5))


def chat(provider: Provider, body: object = CHAT, **how: object) -> Decision:
    return ask(provider, "/v1/chat/completions", body, **how)


def embed(provider: Provider, body: object = EMBED, **how: object) -> Decision:
    return ask(provider, "/v1/embeddings", body, **how)


@given(st.text(), st.integers(), st.integers(1, 2000))
def test_embeddings_have_length_one_and_depend_on_seed_and_text_only(text: str, seed: int, dimensions: int) -> None:
    vector = embedding(text, seed=seed, dimensions=dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)
    assert vector == embedding(text, seed=seed, dimensions=dimensions)
    assert array("f", b64decode(packed(vector))).tolist() == pytest.approx(vector)


def test_different_texts_and_seeds_point_elsewhere() -> None:
    a, b, c = (embedding(text, seed=seed, dimensions=1024) for text, seed in (("a", 0), ("b", 0), ("a", 1)))
    for one, other in ((a, b), (a, c), (b, c)):
        assert abs(sum(map(float.__mul__, one, other))) < 0.2


@given(st.text(max_size=50), st.none() | st.integers(1, 20))
def test_answers_keep_to_the_tokens_asked_for(text: str, most: int | None) -> None:
    answer, finish = cut(opinion(text, seed=3), most)
    assert finish == ("stop" if answer == opinion(text, seed=3) else "length")
    assert most is None or tokens_in(answer) <= most
    assert answer


def test_latency_has_the_median_and_the_spread_it_was_given() -> None:
    luck = Luck(Behaviour(latency_ms=200, latency_sigma=0.5, seed=1))
    drawn = sorted(luck.latency_s(0) for _ in range(20_000))
    assert median(drawn) == pytest.approx(0.2, rel=0.02)
    assert drawn[int(0.97725 * len(drawn))] == pytest.approx(0.2 * math.e, rel=0.05)
    assert Luck(Behaviour(latency_ms=100, item_ms=2)).latency_s(50) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"error_rate": 3}, "error_rate can't be 3; it must be from 0 to 1"),
        ({"error_rate": 0.5, "drop_rate": 0.6}, "sum of all rates can't be 1.1; it must be from 0 to 1"),
        ({"cut_rate": -0.1}, "cut_rate can't be -0.1"),
        ({"outage": (3, -1)}, "length of the outage can't be -1; it must be at least 0"),
        ({"outage": (math.inf, 1)}, "start of the outage"),
        ({"parallel": -1}, "parallel"),
        ({"rpm": -1}, "rpm can't be -1; it must be at least 0"),
        ({"latency_ms": math.nan}, "latency_ms"),
        ({"dimensions": 0}, "dimensions"),
    ],
)
def test_impossible_behaviour_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Behaviour(**wrong)


def test_two_providers_with_one_seed_are_alike_and_another_seed_differs() -> None:
    def story(seed: int) -> list[Decision]:
        provider = Provider(Behaviour(latency_ms=9, latency_sigma=1, error_rate=0.3, seed=seed))
        return [chat(provider) for _ in range(20)] + [embed(provider)]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_a_retry_has_new_luck() -> None:
    provider = Provider(Behaviour(error_rate=0.5))
    assert {chat(provider).status for _ in range(50)} == {200, 500, 503}


def test_chat_answers_in_openais_shape() -> None:
    decision = chat(Provider(Behaviour()))
    answer = msgspec.json.decode(decision.body)
    (choice,) = answer["choices"]
    assert (answer["object"], answer["model"], answer["created"]) == ("chat.completion", "gpt-4o-mini", 1_700_000_000)
    assert choice["finish_reason"] == "stop"
    said = choice["message"]["content"]
    prompt, completion = tokens_in("Judge.\na"), tokens_in(said)
    assert answer["usage"] == {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion
    }  # fmt: skip
    assert decision.subjects == ("a",)
    short = msgspec.json.decode(chat(Provider(Behaviour()), CHAT | {"max_tokens": 2}).body)
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["usage"]["completion_tokens"] == 2


def test_content_in_parts_is_read_as_its_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": parts}]}
    assert chat(Provider(Behaviour()), body).subjects == ("a",)


def test_embeddings_come_in_order_as_long_as_asked() -> None:
    provider = Provider(Behaviour(dimensions=16))
    data = msgspec.json.decode(embed(provider).body)["data"]
    assert [each["index"] for each in data] == [0, 1]
    assert data[1]["embedding"] == pytest.approx(embedding("b", seed=0, dimensions=16))
    (one,) = msgspec.json.decode(embed(provider, EMBED | {"input": "b", "dimensions": 5}).body)["data"]
    assert one["embedding"] == pytest.approx(embedding("b", seed=0, dimensions=5))


CONTEXT = "context_length_exceeded"
LONG = [{"role": "user", "content": "a" * 41}]
REFUSALS = [
    ("GET", "/", b"", 404, "unknown_url", None),
    ("POST", "/v1/completions", b"{}", 404, "unknown_url", None),
    ("GET", "/v1/embeddings", b"", 405, "method_not_supported", None),
    ("POST", "/v1/models", b"", 405, "method_not_supported", None),
    ("POST", "/v1/embeddings", b"{", 400, None, None),
    ("POST", "/v1/embeddings", b"\xff\xfe", 400, None, None),
    ("POST", "/v1/embeddings", b'{"model": "text-embedding-3-small", "input": "\xff"}', 400, None, None),
    ("POST", "/v1/embeddings", b"", 400, None, None),
    ("POST", "/v1/embeddings", EMBED | {"input": 7}, 400, None, None),
    ("POST", "/v1/embeddings", EMBED | {"input": []}, 400, None, "input"),
    ("POST", "/v1/embeddings", EMBED | {"input": ""}, 400, None, "input"),
    ("POST", "/v1/embeddings", EMBED | {"input": ["a", "", "b"]}, 400, None, "input"),
    ("POST", "/v1/embeddings", EMBED | {"input": ["a"] * 2049}, 400, "array_above_max_length", "input"),
    ("POST", "/v1/embeddings", EMBED | {"dimensions": 0}, 400, None, None),
    ("POST", "/v1/embeddings", EMBED | {"model": "nope"}, 404, "model_not_found", "model"),
    ("POST", "/v1/embeddings", EMBED | {"input": ["a", "a" * 41]}, 400, CONTEXT, "input"),
    ("POST", "/v1/chat/completions", {"model": "gpt-4o-mini"}, 400, None, None),
    ("POST", "/v1/chat/completions", CHAT | {"messages": []}, 400, None, None),
    ("POST", "/v1/chat/completions", CHAT | {"model": "nope"}, 404, "model_not_found", "model"),
    ("POST", "/v1/chat/completions", CHAT | {"messages": LONG}, 400, CONTEXT, "messages"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "expected"), [(*case[:3], case[3:]) for case in REFUSALS])
def test_what_is_refused_gets_openais_error_at_once(
    method: str, path: str, body: object, expected: tuple[int, str | None, str | None]
) -> None:
    provider = Provider(Behaviour(context_tokens=10, latency_ms=500, rpm=10, burst_s=60))
    decision = ask(provider, path, body, method=method)
    error = msgspec.json.decode(decision.body)["error"]
    assert (decision.status, error["code"], error["param"]) == expected
    assert (error["type"], set(error)) == ("invalid_request_error", {"message", "type", "param", "code"})
    assert decision.delay_s == 0
    assert embed(provider).headers["x-ratelimit-remaining-requests"] == "9"


@pytest.mark.parametrize("key", ["", "sk-other"])
def test_a_wrong_key_is_refused_and_never_repeated(key: str) -> None:
    for path in ("/v1/chat/completions", "/v1/models"):
        decision = ask(
            Provider(Behaviour(keys=("sk-1",))), path, CHAT, key=key, method="POST" if "chat" in path else "GET"
        )
        assert decision.status == 401
        assert msgspec.json.decode(decision.body)["error"]["code"] == "invalid_api_key"
        assert b"sk-other" not in decision.body


def test_a_batch_of_2048_inputs_is_served() -> None:
    decision = embed(Provider(Behaviour(dimensions=8)), EMBED | {"input": ["text"] * 2048})
    assert decision.status == 200
    assert len(decision.subjects) == 2048


def test_each_key_has_its_own_limit() -> None:
    provider = Provider(Behaviour(rpm=1, burst_s=0))
    assert [chat(provider, key=key).status for key in ("a", "a", "b", "b")] == [200, 429, 200, 429]


def test_faults_are_charged_and_refusals_are_not() -> None:
    provider = Provider(Behaviour(rpm=60, burst_s=60, error_rate=1))
    for left in ("59", "58"):
        decision = chat(provider)
        assert decision.status in {500, 503}
        assert decision.headers["x-ratelimit-remaining-requests"] == left


def test_new_behaviour_acts_on_the_next_request_and_new_limits_start_unused() -> None:
    provider = Provider(Behaviour())
    assert chat(provider).status == 200
    provider.behaviour = replace(provider.behaviour, rpm=1, burst_s=0)
    assert [chat(provider).status for _ in range(3)] == [200, 429, 429]
    provider.behaviour = replace(provider.behaviour, latency_ms=5)
    assert chat(provider).status == 429
    provider.behaviour = replace(provider.behaviour, rpm=0)
    assert chat(provider).status == 200


def test_no_models_means_any() -> None:
    provider = Provider(Behaviour(models=()))
    assert chat(provider, CHAT | {"model": "whatever"}).status == 200


def test_subjects_and_tags_tell_texts_and_keys_apart() -> None:
    assert subject("short") == "short"
    long, other = "x" * 500, "x" * 499 + "y"
    assert subject(long) != subject(other)
    assert len(subject(long)) == 120
    assert key_tag("") == ""
    assert key_tag("sk-1") != key_tag("sk-2")
    assert "sk-1" not in key_tag("sk-1")
