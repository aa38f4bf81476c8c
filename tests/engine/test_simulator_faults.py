"""The simulated provider's troubles: each comes when and as often as it was asked for, and as the real one does."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from batchtop.engine.simulator import Behaviour
from batchtop.engine.simulator.answers import opinion
from batchtop.engine.simulator.luck import Fault, Luck
from batchtop.engine.simulator.provider import BROKEN, Decision, Incoming, Provider

WALL = 1_700_000_000.0
RATES = {
    "error_rate": (Fault.FAILED, Fault.OVERLOADED),
    "limited_rate": (Fault.LIMITED,),
    "drop_rate": (Fault.DROPPED,),
    "malformed_rate": (Fault.MALFORMED,),
    "short_rate": (Fault.SHORT,),
    "cut_rate": (Fault.CUT,),
}


def ask(
    provider: Provider, path: str, body: dict[str, object], *, key: str = "k", now: float = 0.0, in_flight: int = 0
) -> Decision:
    raw = json.dumps({"model": "gpt-4o-mini", **body}).encode()
    return provider.decide(Incoming("POST", f"/v1/{path}", key, raw, now, WALL, in_flight))


def chat(provider: Provider, text: str = "hello", **how: object) -> Decision:
    return ask(provider, "chat/completions", {"messages": [{"role": "user", "content": text}]}, **how)


def embed(provider: Provider, *texts: str) -> Decision:
    return ask(provider, "embeddings", {"input": list(texts)})


FORM = {"type": "json_schema", "json_schema": {"name": "answers", "strict": True, "schema": {"type": "object"}}}


def pack(provider: Provider, *prompts: str, form: object = FORM, **more: object) -> Decision:
    items = [{"id": str(number), "prompt": prompt} for number, prompt in enumerate(prompts, 1)]
    content = json.dumps({"items": items})
    messages = [{"role": "system", "content": "Answer each."}, {"role": "user", "content": content}]
    return ask(provider, "chat/completions", {"messages": messages, "response_format": form, **more})


def said(decision: Decision) -> str:
    return json.loads(decision.body)["choices"][0]["message"]["content"]


def limits_told(decision: Decision) -> list[str]:
    return [name for name in decision.headers if "limit" in name or "retry" in name]


# ── by luck ──


@pytest.mark.parametrize("name", RATES)
def test_a_fault_comes_at_its_rate(name: str) -> None:
    luck = Luck(Behaviour(seed=1, **{name: 0.2}))
    drawn = Counter(luck.fault() for _ in range(20_000))
    for kind in RATES[name]:
        assert drawn.pop(kind) / 20_000 == pytest.approx(0.2 / len(RATES[name]), abs=0.01)
    assert list(drawn) == [None]
    luck.follow(Behaviour(**{name: 1}))
    assert {luck.fault() for _ in range(1000)} == set(RATES[name])


def test_rates_add_up_to_no_request_that_goes_well() -> None:
    luck = Luck(Behaviour(**dict.fromkeys(RATES, 1 / 6)))
    drawn = Counter(luck.fault() for _ in range(20_000))
    assert set(drawn) == set(Fault)
    for name, kinds in RATES.items():
        assert sum(drawn[kind] for kind in kinds) / 20_000 == pytest.approx(1 / 6, abs=0.01), name


def test_other_rates_leave_latencies_as_the_seed_has_them() -> None:
    calm, rough = (Luck(Behaviour(latency_ms=9, latency_sigma=1, drop_rate=rate)) for rate in (0, 0.5))
    for _ in range(100):
        calm.fault()
        rough.fault()
        assert calm.latency_s(0) == rough.latency_s(0)


def test_a_dropped_request_takes_its_time_and_has_no_status() -> None:
    decision = chat(Provider(Behaviour(drop_rate=1, latency_ms=70)))
    assert (decision.status, decision.delay_s, decision.subjects) == (BROKEN, 0.07, ("hello",))


def test_a_torn_answer_is_the_beginning_of_the_whole_one() -> None:
    whole = chat(Provider(Behaviour()))
    torn = chat(Provider(Behaviour(malformed_rate=1)))
    assert (torn.status, torn.headers["content-type"]) == (200, "application/json")
    assert whole.body.startswith(torn.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn.body)


def test_a_short_answer_lacks_one() -> None:
    provider = Provider(Behaviour(short_rate=1, dimensions=4))
    assert [each["index"] for each in json.loads(embed(provider, "a", "b", "c").body)["data"]] == [0, 1]
    assert json.loads(embed(provider, "a").body)["data"] == []
    assert json.loads(chat(provider).body)["choices"] == []
    assert [each["id"] for each in json.loads(said(pack(provider, "a", "b")))["answers"]] == ["1"]


def test_a_cut_answer_is_half_of_one_and_embeddings_are_spared() -> None:
    provider = Provider(Behaviour(cut_rate=1))
    whole = opinion("hello", seed=0)
    decision = chat(provider)
    assert said(decision) == whole[: len(whole) // 2]
    assert json.loads(decision.body)["choices"][0]["finish_reason"] == "length"
    assert embed(provider, "a").body == embed(Provider(Behaviour()), "a").body


def test_a_server_short_of_capacity_says_nothing_of_limits() -> None:
    decision = chat(Provider(Behaviour(limited_rate=1, rpm=60, latency_ms=70)))
    assert (decision.status, decision.delay_s, limits_told(decision)) == (429, 0, [])
    assert json.loads(decision.body)["error"]["message"]


# ── by rule ──


def test_more_in_flight_than_allowed_is_refused_and_costs_nothing() -> None:
    provider = Provider(Behaviour(parallel=2, rpm=60, burst_s=60))
    assert [chat(provider, in_flight=number).status for number in range(4)] == [200, 200, 429, 429]
    assert limits_told(chat(provider, in_flight=2)) == []
    assert chat(provider).headers["x-ratelimit-remaining-requests"] == "57"


@pytest.mark.parametrize("trouble", [{"rpm": 1, "burst_s": 0}, {"rpd": 1}, {"tpm_in": 9, "burst_s": 0}])
def test_a_quiet_server_enforces_what_it_does_not_tell(trouble: dict[str, int]) -> None:
    provider = Provider(Behaviour(quiet=True, retry_after_s=3, **trouble))
    first, second = chat(provider), chat(provider)
    assert (first.status, second.status) == (200, 429)
    assert (limits_told(first), limits_told(second)) == ([], [])
    assert second.headers["content-type"] == "text/html"
    assert b"<center>nginx</center>" in second.body


def test_a_quiet_gateway_stands_before_every_429() -> None:
    assert chat(Provider(Behaviour(quiet=True, limited_rate=1))).body.startswith(b"<html>")
    assert chat(Provider(Behaviour(quiet=True, parallel=1)), in_flight=1).body.startswith(b"<html>")


def test_a_poisoned_text_spoils_its_request_and_is_not_named() -> None:
    provider = Provider(Behaviour(poison="arsenic", rpm=60, burst_s=60))
    for decision in (
        embed(provider, "a", "some arsenic", "b"),
        chat(provider, "arsenic?"),
        pack(provider, "a", "arsenic"),
    ):
        assert decision.status == 400
        assert b"arsenic" not in decision.body
    assert len(embed(provider, "a", "arsenic").subjects) == 2
    fine = embed(provider, "a", "b")
    assert (fine.status, fine.headers["x-ratelimit-remaining-requests"]) == (200, "59")


def test_a_revoked_key_is_refused_and_the_others_are_not() -> None:
    open_to_all = Provider(Behaviour(revoked=("old",)))
    assert [chat(open_to_all, key=key).status for key in ("old", "new", "")] == [401, 200, 200]
    for_some = Provider(Behaviour(keys=("old", "new"), revoked=("old",)))
    assert [chat(for_some, key=key).status for key in ("old", "new", "other")] == [401, 200, 401]


def test_an_outage_lasts_its_time_and_spares_nobody() -> None:
    provider = Provider(Behaviour(outage=(10, 5), keys=("k",)), began=100)
    told = [chat(provider, now=100 + at).status for at in (0, 9.9, 10, 14.9, 15, 1000)]
    assert told == [200, 200, 503, 503, 200, 200]
    assert chat(provider, now=112, key="wrong").status == 503
    provider.behaviour = replace(provider.behaviour, outage=(0, 0))
    assert chat(provider, now=112).status == 200


# ── several prompts in one request ──


def test_packed_prompts_are_answered_as_each_would_be_alone() -> None:
    provider = Provider(Behaviour())
    decision = pack(provider, "one", "two", "one")
    lone = {prompt: said(chat(provider, prompt)) for prompt in ("one", "two")}
    assert json.loads(said(decision)) == {
        "answers": [
            {"id": "1", "answer": lone["one"]},
            {"id": "2", "answer": lone["two"]},
            {"id": "3", "answer": lone["one"]},
        ]
    }
    assert decision.subjects == ("one", "two", "one")
    assert json.loads(decision.body)["usage"]["completion_tokens"] == (len(said(decision)) + 3) // 4


def test_packed_prompts_slow_the_answer_down_and_share_its_length() -> None:
    assert pack(Provider(Behaviour(latency_ms=100, item_ms=10)), "a", "b", "c").delay_s == pytest.approx(0.13)
    decision = pack(Provider(Behaviour()), "a", "b", "c", max_tokens=10)
    assert len(said(decision)) == 40
    assert json.loads(decision.body)["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    "form", [None, {"type": "json_object"}, FORM | {"json_schema": {"name": "other", "schema": {}}}]
)
def test_another_form_of_answer_is_a_lone_prompt(form: object) -> None:
    decision = pack(Provider(Behaviour()), "a", "b", form=form)
    assert decision.subjects == ('{"items": [{"id": "1", "prompt": "a"}, {"id": "2", "prompt": "b"}]}',)


@pytest.mark.parametrize("text", ["hello", "[]", '{"items": []}', '{"items": [{"id": 1}]}', '{"items": ["a"]}'])
def test_what_holds_no_prompts_is_a_lone_prompt(text: str) -> None:
    body = {"messages": [{"role": "user", "content": text}], "response_format": FORM}
    decision = ask(Provider(Behaviour()), "chat/completions", body)
    assert (decision.status, decision.subjects) == (200, (text,))
