"""Which answers go on to a better model: tables of checks."""

import json

import pytest
from batchtop.engine.answer import Answer
from batchtop.engine.escalation import objection
from batchtop.engine.outcome import Outcome
from batchtop.engine.taskspec import Check, Flaw


def said(text: object, **more: str) -> Answer:
    return Answer(Outcome.OK, json.dumps(text).encode(), **more)


UNSURE = Check(field="confidence", below=0.7)


@pytest.mark.parametrize(
    ("check", "answer", "why"),
    [
        ("invalid", said("no JSON"), "the answer is not JSON"),
        ("invalid", said('{"a": 1}'), ""),
        ("invalid", said({"a": 1}), ""),
        ("invalid", said('```json\n{"a": 1}\n```'), "the answer is not JSON"),
        ("refusal", said("  "), "the answer is empty"),
        ("refusal", said("I'm sorry, but I can't help with that."), "reads like a refusal"),
        ("refusal", said("I\u2019m sorry, I cannot do that"), "reads like a refusal"),
        ("refusal", said("Sorry, but I can't assist."), "reads like a refusal"),
        ("refusal", said("Unfortunately, I am unable to"), "reads like a refusal"),
        ("refusal", said("I cannot answer this."), "reads like a refusal"),
        ("refusal", said("As an AI, I have no opinion"), "reads like a refusal"),
        ("refusal", said("Sorry tale of a kettle: negative"), ""),
        ("refusal", said("Positive. I can't fault it."), ""),
        ("refusal", said("I can see why: positive"), ""),
        ("cut", said("half of", finish_reason="length"), "cut at the token limit"),
        ("cut", said("all of it"), ""),
        ("error", said("fine"), ""),
        (UNSURE, said('{"confidence": 0.69}'), "'confidence' is 0.69, below 0.7"),
        (UNSURE, said({"confidence": 0.69}), "'confidence' is 0.69, below 0.7"),
        (UNSURE, said('{"confidence": 0.7}'), ""),
        (UNSURE, said('{"confidence": "0.2"}'), "below 0.7"),
        (UNSURE, said('{"confidence": true}'), "'confidence' is no number: true"),
        (UNSURE, said('{"confidence": "low"}'), "'confidence' is no number: low"),
        (UNSURE, said('{"sure": 1}'), "the answer has no 'confidence'"),
        (UNSURE, said("not JSON"), "the answer has no 'confidence'"),
        (Check(field="a.b[0]", below=1), said({"a": {"b": [0.5]}}), "'a.b[0]' is 0.5, below 1"),
        (Check(matches="(?i)not sure"), said("I am Not Sure."), "the answer matches"),
        (Check(matches="^yes$"), said("yes, but"), ""),
        (Check(field="label", matches="^other$"), said({"label": "other"}), "'label' matches"),
        (Check(field="label", matches="null"), said({"label": None}), "'label' matches"),
    ],
)  # fmt: skip
def test_an_answer_goes_on_for_what_is_wrong_with_it(check: Flaw | Check, answer: Answer, why: str):
    found = objection([check], answer, last=False)
    assert why in found
    assert bool(found) is bool(why)


@pytest.mark.parametrize(
    ("checks", "flaw", "tries", "told"),
    [
        (["refusal"], "refusal", "may come", "no"),
        (["refusal"], "cut", "may come", ""),
        (["cut"], "cut", "none", "no"),
        (["invalid"], "invalid", "may come", "no"),
        (["error"], "", "none", "no"),
        (["error"], "refusal", "none", "no"),
        (["error"], "", "may come", ""),
        (["refusal", "cut", "invalid", UNSURE], "", "none", ""),
        ([], "refusal", "none", ""),
    ],
)
def test_a_failure_goes_on_by_what_the_server_said_of_it(checks: list[Flaw | Check], flaw: str, tries: str, told: str):
    failed = Answer(Outcome.BAD_ITEM, message="no", flaw=flaw)
    assert objection(checks, failed, last=tries == "none") == told
