"""Fallbacks of a job: read strictly, each a whole task, and none without a price where spending is limited."""

from functools import partial

import msgspec
import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.errors import JobFileError, SettingError
from batchtop.engine.job import JobSpec, check_budget
from batchtop.engine.jobfile import load_job
from batchtop.engine.price import cost_usd, is_priced
from batchtop.engine.settings import Layer
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec, Fallback, tiers

HEAD = '[input]\npath = "in.jsonl"\n'
CHAT = HEAD + '[task]\ntype = "chat"\nmodel = "m"\nprompt = "{text}"\n'
EMBED = HEAD + '[task]\ntype = "embeddings"\nmodel = "m"\ntext = "{text}"\n'
AGAIN = "[[task.fallback]]\n"

TASK = ChatSpec(
    model="m", prompt="p", base_url="http://a/v1", api_key_env=("A",), max_tokens=3, price_in=1.0, price_out=2.0
)
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def load(tmp_path):
    return partial(load_job, tmp_path / "job.toml")


def test_fallbacks_are_read_in_their_order_and_travel_unchanged(load):
    job = load(f"""{CHAT}
{AGAIN}model = "n"
{AGAIN}base_url = "http://b/v1/"
api_key_env = "B"
price_in = 1
price_out = 2
rpm = 60
tpm = 1_000
""")
    assert job.task.fallback == (
        Fallback(model="n"),
        Fallback(base_url="http://b/v1", api_key_env=("B",), price_in=1.0, price_out=2.0, rpm=60, tpm=1_000),
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=JobSpec) == job


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CHAT + "fallback = 3", "task.fallback: expected a list of tables, each under its own [[task.fallback]]"),
        (CHAT + '[task.fallback]\nmodel = "n"', "task.fallback: expected a list of tables"),
        (CHAT + 'fallback = ["n"]', "task.fallback: expected a list of tables"),
        (CHAT + AGAIN, "task.fallback[0]: needs a model or a base_url of its own"),
        (CHAT + AGAIN + "rpm = 3", "task.fallback[0]: needs a model or a base_url of its own"),
        (CHAT + AGAIN + 'modle = "n"', "task.fallback[0].modle: unknown key; did you mean 'model'?"),
        (CHAT + AGAIN + 'model = "n"\n' + AGAIN + "model = 3", "task.fallback[1].model: expected a text, found a"),
        (CHAT + AGAIN + 'model = ""', "task.fallback[0].model: must not be empty"),
        (CHAT + AGAIN + 'model = "n"\nrpm = -1', "task.fallback[0].rpm: expected a whole number >= 0"),
        (CHAT + AGAIN + 'prompt = "x"', "task.fallback[0].prompt: unknown key"),
        (CHAT + AGAIN + 'base_url = "b"', "task.fallback[0].base_url: must be as in https://"),
        (CHAT + AGAIN + 'base_url = "http://u:hunter2@b/v1"', "name a key's variable in task.fallback[0].api_key_env"),
        (CHAT + AGAIN + 'model = "n"\napi_key_env = "sk-hunter212345678"', "task.fallback[0].api_key_env: wants the"),
        (EMBED + AGAIN + 'model = "n"\nprice_out = 1', "task.fallback[0].price_out: is for tasks of type 'chat'"),
        (CHAT + f'price_in = 1\nprice_out = 1\n{AGAIN}model = "n"\n[limits]\ncost = 5',
         "limits.cost: cost = 5 can't be kept without prices: set task.fallback[0].price_in and task.fallback[0].p"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_names_its_key(load, tmp_path, text, told):
    with pytest.raises(JobFileError) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path / 'job.toml'}: ")
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("fallback", "changed"),
    [
        (Fallback(model="n"), {"model": "n", "price_in": None, "price_out": None}),
        (Fallback(model="n", price_in=5.0), {"model": "n", "price_in": 5.0, "price_out": None}),
        (Fallback(base_url="http://b/v1"), {"base_url": "http://b/v1", "api_key_env": ()}),
        (Fallback(base_url=OPENAI), {"base_url": OPENAI, "api_key_env": ("OPENAI_API_KEY",)}),
        (Fallback(base_url="http://b", price_out=9.0), {"base_url": "http://b", "api_key_env": (), "price_out": 9.0}),
        (Fallback(model="m", api_key_env=("B",)), {"api_key_env": ("B",)}),
        (Fallback(model="m", api_key_env=()), {"api_key_env": ()}),
    ],
)  # fmt: skip
def test_a_fallback_is_the_task_but_for_what_it_names(fallback, changed):
    first, second = tiers(msgspec.structs.replace(TASK, fallback=(fallback,)))
    assert first == TASK
    assert second == msgspec.structs.replace(TASK, **changed)


def test_a_task_without_fallbacks_is_its_only_tier():
    assert tiers(TASK) == (TASK,)


def test_embeddings_fall_back_too():
    task = EmbeddingsSpec(model="m", text="t", price_in=1.0, fallback=(Fallback(base_url="http://b"),))
    assert tiers(task)[1] == EmbeddingsSpec(model="m", text="t", base_url="http://b", price_in=1.0)


@pytest.mark.parametrize(
    ("fallback", "lacking"),
    [
        ((), None),
        ((Fallback(base_url="http://b"),), None),
        ((Fallback(model="n", price_in=1.0, price_out=1.0),), None),
        ((Fallback(base_url="http://b"), Fallback(model="n", price_in=1.0)), "task.fallback[1].price_in"),
    ],
)
def test_a_cost_limit_needs_the_price_of_every_tier(fallback, lacking):
    task = msgspec.structs.replace(TASK, fallback=fallback)
    assert is_priced(task) == (lacking is None)
    check_budget(task, ())
    if lacking:
        with pytest.raises(
            SettingError, match=r"job file: cost = 5 can't be kept without prices: set task\.fallback\[1"
        ):
            check_budget(task, [Layer("job file", {"cost": 5.0})])
    else:
        check_budget(task, [Layer("job file", {"cost": 5.0})])


def test_each_tier_costs_what_its_own_model_costs():
    task = msgspec.structs.replace(
        TASK, fallback=(Fallback(model="n", price_in=10.0, price_out=0.0), Fallback(model="o"))
    )
    assert [cost_usd(tier, Usage(1_000_000, 1_000_000)) for tier in tiers(task)] == [3.0, 10.0, None]
    assert cost_usd(task, Usage(1_000_000, 0)) == 1.0
