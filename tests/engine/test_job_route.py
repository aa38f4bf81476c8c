"""Rules of a job: read strictly, each with a model of its own, and none without a price where spending is limited."""

from functools import partial

import msgspec
import pytest
from batchtop.engine.errors import JobFileError, SettingError
from batchtop.engine.identity import fingerprint
from batchtop.engine.job import JobSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.taskspec import Check, Rule

HEAD = '[input]\npath = "in.jsonl"\n'
CHAT = HEAD + '[task]\ntype = "chat"\nmodel = "large"\nprompt = "{text}"\n'
EMBED = HEAD + '[task]\ntype = "embeddings"\nmodel = "m"\ntext = "{text}"\n'
RULE = '[[task.route]]\nmodel = "small"\n'
OWN = '[[task.route]]\nmodel = "large"\n'
OFTEN = RULE + "escalate_when = "


@pytest.fixture
def load(tmp_path):
    return partial(load_job, tmp_path / "job.toml")


def test_rules_are_read_in_their_order_travel_unchanged_and_change_no_answer(load):
    job = load(f"""{CHAT}
{RULE}shorter_than = 200
field = "text"
escalate_when = ["refusal", {{ field = "confidence", below = 0.7 }}, {{ matches = "(?i)not sure" }}]
rpm = 60
[[task.route]]
base_url = "http://b/v1/"
field = "kind"
values = ["faq", 3, true]
when = "stars > 3"
""")
    checks = ("refusal", Check(field="confidence", below=0.7), Check(matches="(?i)not sure"))
    assert job.task.route == (
        Rule(model="small", field="text", shorter_than=200, escalate_when=checks, rpm=60),
        Rule(base_url="http://b/v1", field="kind", values=("faq", 3, True), when="stars > 3"),
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=JobSpec) == job
    assert fingerprint(job) == fingerprint(load(CHAT)), "a rule moves what comes, and asks nothing again"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CHAT + "route = 3", "route: expected a list of tables, each under its own [[task.route]]"),
        (CHAT + "[[task.route]]\nshorter_than = 9", "route[0]: needs a model or a base_url of its own"),
        (CHAT + RULE + "shorter = 9", "route[0].shorter: unknown key; did you mean 'shorter_than'?"),
        (CHAT + RULE + "shorter_than = 0", "route[0].shorter_than: expected a whole number >= 1"),
        (CHAT + RULE + 'values = ["a"]', "route[0].values: needs task.route[0].field"),
        (CHAT + RULE + 'field = "a"', "route[0].field: needs task.route[0].values or task.route[0].shorter_than"),
        (CHAT + RULE + 'when = "len(text"', "route[0].when: 'len(text' is no expression: "),
        (CHAT + RULE + 'when = "size(text) < 3"', "there is no function 'size'"),
        (CHAT + RULE + 'escalate_when = "cut"', "route[0].escalate_when: expected a list"),
        (CHAT + OFTEN + '["cutt"]', "escalate_when[0]: 'cutt' is nothing to escalate for; did you mean 'cut'?"),
        (CHAT + OFTEN + "[3]", "escalate_when[0]: 3 is nothing to escalate for; it can be: invalid, "),
        (CHAT + OFTEN + "[{ belw = 1 }]", "escalate_when[0].belw: unknown key; did you mean 'below'?"),
        (CHAT + OFTEN + "[{ field = 'a' }]", "escalate_when[0]: needs `below` or `matches`"),
        (CHAT + OFTEN + "[{ below = 1 }]", "escalate_when[0].below: needs a `field`"),
        (CHAT + OFTEN + "['cut', { matches = '(' }]", "escalate_when[1].matches: '(' is no regular expression"),
        (CHAT + OFTEN + "[{ field = '.a', below = 1 }]", "escalate_when[0].field: '.a' is no path"),
        (CHAT + OWN + "escalate_when = ['cut']", "route[0].escalate_when: has no other model to go to"),
        (EMBED + RULE, "route: is for tasks of type 'chat'; this one is 'embeddings'"),
    ],
)
def test_what_is_wrong_names_its_key(load, text, told):
    with pytest.raises(JobFileError) as raised:
        load(text)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_budget_needs_the_prices_of_every_rule(load):
    with pytest.raises(
        (JobFileError, SettingError), match=r"task\.route\[0\]\.price_in and task\.route\[0\]\.price_out"
    ):
        load(CHAT + "price_in = 1\nprice_out = 1\n" + RULE + "[limits]\ncost = 5")
