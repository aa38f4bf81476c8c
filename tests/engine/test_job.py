"""Job files are read strictly, a JobSpec travels unchanged, and each layer of settings has its place."""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.errors import JobFileError, PresetError, SettingError
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec, assemble
from batchtop.engine.jobfile import load_job
from batchtop.engine.presets import load_presets
from batchtop.engine.price import cost_usd
from batchtop.engine.settings import DIALS, Layer, resolve
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[2] / "examples"
PRESETS = load_presets(Path("/nonexistent"))

INPUT = '[input]\npath = "in.jsonl"\n'
CHAT = '[task]\ntype = "chat"\nmodel = "m"\nprompt = "{text}"\n'
EMBED = '[task]\ntype = "embeddings"\nmodel = "m"\ntext = "{text}"\n'
FULL = """
name = "reviews"
[input]
path = "in.jsonl"
id = "id"
[task]
type = "chat"
model = "gpt-4o-mini"
base_url = "http://127.0.0.1:8800/v1/"
api_key_env = ["KEY_A", "KEY_B"]
prompt = "Classify: {text}"
system = "Be brief."
temperature = 0
max_tokens = 5
price_in = 0.15
price_out = 0.6
[task.parameters]
top_p = 0.9
response_format = { type = "json_object" }
[settings]
preset = "aggressive/discovery"
delay = "500ms"
concurrency = 4
[limits]
rpm = 500
tpm = "1_000_000"
cost = 5.00
[output]
path = "out.jsonl"
failures = "/elsewhere/failed.jsonl"
"""


@pytest.fixture
def load(tmp_path):
    """Write a job file and read it."""

    def read(text, name="job.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_job(path)

    return read


def test_a_whole_job_file_is_read(load, tmp_path):
    assert load(FULL) == JobSpec(
        name="reviews",
        input=InputSpec(path=str(tmp_path / "in.jsonl"), id="id"),
        task=ChatSpec(
            model="gpt-4o-mini",
            prompt="Classify: {text}",
            base_url="http://127.0.0.1:8800/v1",
            api_key_env=("KEY_A", "KEY_B"),
            system="Be brief.",
            temperature=0.0,
            max_tokens=5,
            parameters={"top_p": 0.9, "response_format": {"type": "json_object"}},
            price_in=0.15,
            price_out=0.6,
        ),
        output=OutputSpec(path=str(tmp_path / "out.jsonl"), failures="/elsewhere/failed.jsonl"),
        preset="aggressive/discovery",
        layers=(
            Layer("preset aggressive/discovery", PRESETS["aggressive"].profiles["discovery"]),
                Layer("job file", {"delay": 0.5, "concurrency": 4, "rpm": 500, "tpm": 1_000_000, "cost": 5.0}),
        ),
    )  # fmt: skip


def test_what_is_left_out_has_a_default(load):
    job = load(INPUT + EMBED, "my-vectors_2.toml")
    assert job.name == "my-vectors_2"
    assert job.task == EmbeddingsSpec(
        model="m", text="{text}", base_url="https://api.openai.com/v1", api_key_env=("OPENAI_API_KEY",)
    )
    assert (job.input.id, job.output.path, job.output.failures, job.preset) == (None, None, None, None)


def test_a_server_of_ones_own_needs_no_key(load):
    assert load(INPUT + CHAT + 'base_url = "http://localhost:8000/v1"').task.api_key_env == ()
    assert load(INPUT + CHAT + 'base_url = "https://api.openai.com/v1/"').task.api_key_env == ("OPENAI_API_KEY",)
    assert load(INPUT + CHAT + 'api_key_env = "MY_KEY"').task.api_key_env == ("MY_KEY",)


def test_a_job_file_that_is_named_by_a_detour_has_paths_without_it(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "job.toml").write_text(INPUT + CHAT + '[output]\npath = "out.jsonl"')
    monkeypatch.chdir(tmp_path / "work")
    job = load_job(Path("../job.toml"))
    assert (job.input.path, job.output.path) == (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))


def test_a_relative_job_file_has_absolute_paths(load, tmp_path, monkeypatch):
    load(INPUT + CHAT + '[output]\npath = "-"')
    monkeypatch.chdir(tmp_path)
    job = load_job(Path("job.toml"))
    assert job.input.path == str(tmp_path / "in.jsonl")
    assert job.output.path == "-"


CHAT_JOB = INPUT + CHAT
WRONG = [
    # the file
    (b"name = \n", "line 1, column 8: not valid TOML: Invalid value"),
    (b'name = "a"\n[input', "line 2: not valid TOML"),
    ("x = " + "[" * 5_000, "is nested too deep"),
    (b'name = "a"\n# \xff', "line 2: is not UTF-8 text"),
    ("", "input: is missing: a job has a table [input]"),
    (INPUT, "task: is missing"),
    ('input = "in.jsonl"\n' + CHAT, "input: expected a table, as in [input]"),
    ("[[input]]\n" + CHAT, "input: expected a table"),
    ("concurrency = 4\n" + CHAT_JOB, "concurrency: belongs in [settings]"),
    ("rpm = 4\n" + CHAT_JOB, "rpm: belongs in [limits]"),
    ("[setings]\n" + CHAT_JOB, "setings: unknown key; did you mean 'settings'?"),
    # the name
    ('name = "a b"\n' + CHAT_JOB, "name: 'a b' is not made of letters, digits"),
    ('name = "-x"\n' + CHAT_JOB, "a letter or digit first"),
    ('name = ""\n' + CHAT_JOB, "name: '' is not made of"),
    ("name = 3\n" + CHAT_JOB, "name: expected a text, found a whole number"),
    # input and output
    ("[input]\n" + CHAT, "input.path: is missing"),
    ('[input]\npath = ""\n' + CHAT, "input.path: must not be empty"),
    ('[input]\npath = "a\\u0000b"\n' + CHAT, "input.path: expected a text matching"),
    ('[input]\npath = "a"\nids = "id"\n' + CHAT, "input.ids: unknown key; did you mean 'id'?"),
    (CHAT_JOB + "[output]\npath = 3", "output.path: expected a text, found a whole number"),
    (CHAT_JOB + '[output]\npath = "./in.jsonl"', "output.path: is the same file as input.path"),
    (CHAT_JOB + '[output]\npath = "o"\nfailures = "o"', "output.failures: is the same file as output.path"),
    # the type of task
    (INPUT + '[task]\nmodel = "m"', "task.type: is missing; it can be: chat, embeddings"),
    (INPUT + '[task]\ntype = "chatt"', "task.type: 'chatt' is no type of task; did you mean 'chat'?"),
    (INPUT + '[task]\ntype = "sql"', "it can be: chat, embeddings"),
    (INPUT + "[task]\ntype = 3", "task.type: expected a text, found a whole number"),
    (CHAT_JOB + 'text = "{x}"', "task.text: is for tasks of type 'embeddings'; this one is 'chat'"),
    (INPUT + EMBED + "temperature = 1", "task.temperature: is for tasks of type 'chat'; this one is 'embeddings'"),
    # its keys
    (INPUT + '[task]\ntype = "chat"\nmodel = "m"', "task.prompt: is missing"),
    (CHAT_JOB + "max_token = 3", "task.max_token: unknown key; did you mean 'max_tokens'?"),
    (CHAT_JOB + "max_tokens = 0", "task.max_tokens: expected a whole number >= 1"),
    (CHAT_JOB + 'max_tokens = "5"', "task.max_tokens: expected a whole number, found a text"),
    (CHAT_JOB + "temperature = nan", "task.temperature: expected a number"),
    (CHAT_JOB + "price_in = -1", "task.price_in: expected a number >= 0"),
    (CHAT_JOB + 'on_length = "kepp"', "task.on_length: 'kepp' is not understood; did you mean 'keep'?"),
    (CHAT_JOB + 'on_length = "x"', "task.on_length: 'x' is not understood; it can be: keep, retry, fail"),
    (CHAT_JOB + '[output]\norder = "inputs"', "output.order: 'inputs' is not understood; did you mean 'input'?"),
    (CHAT_JOB + "on_length = 3", "task.on_length: expected a text, found a whole number"),
    (INPUT + EMBED + 'on_length = "fail"', "task.on_length: is for tasks of type 'chat'"),
    (CHAT_JOB + 'tokenizer = ""', "task.tokenizer: must not be empty"),
    (CHAT_JOB + 'tokenizer = "cl100k"', "task.tokenizer: 'cl100k' is no encoding of tiktoken; did you mean 'cl100k_b"),
    (CHAT_JOB.replace('"{text}"', '"{text"'), "task.prompt: '{' at character 1"),
    (CHAT_JOB + 'system = "{}"', "task.system: '{' at character 1"),
    (CHAT_JOB + "parameters = 3", "task.parameters: expected a table, found a whole number"),
    (CHAT_JOB + "parameters = { stream = true }", "task.parameters.stream: is set by batchtop itself"),
    (CHAT_JOB + "parameters = { day = 2026-01-01 }", "task.parameters: holds a value that JSON has no word for"),
    (CHAT_JOB + "parameters = { x = [inf] }", "task.parameters: holds a value"),
    # the server and its key
    (CHAT_JOB + 'base_url = "localhost:8000"', "task.base_url: must be as in https://"),
    (CHAT_JOB + 'base_url = ""', "task.base_url: must be as in https://"),
    (CHAT_JOB + 'base_url = "ftp://host/v1"', "task.base_url: must be as in"),
    (CHAT_JOB + 'base_url = "http://host:99999/v1"', "task.base_url: must be as in"),
    (CHAT_JOB + 'base_url = "http:///v1"', "task.base_url: must be as in"),
    (CHAT_JOB + 'base_url = "http://host/v1?x=1"', "no query"),
    (CHAT_JOB + 'base_url = "http://ho st/v1"', "task.base_url: must be as in"),
    (CHAT_JOB + 'base_url = "http://h/v1/chat/completions"', "must end before /chat/completions"),
    (CHAT_JOB + "api_key_env = 3", "task.api_key_env: expected a list, found a whole number"),
    (CHAT_JOB + 'api_key_env = ["A", 3]', "task.api_key_env[1]: expected a text, found a whole number"),
    (CHAT_JOB + 'api_key = "x"', "task.api_key: unknown key; did you mean 'api_key_env'?"),
    # settings and limits
    (CHAT_JOB + "[settings]\nconcurency = 3", "settings.concurency: unknown key; did you mean 'concurrency'?"),
    (CHAT_JOB + "[settings]\nconcurrency = 0", "settings.concurrency: 0 is not a whole number from 1 to 4,096"),
    (CHAT_JOB + '[settings]\ndelay = "soon"', "settings.delay: 'soon' is not seconds from 0"),
    (CHAT_JOB + "[settings]\npreset = 3", "settings.preset: expected a text, found a whole number"),
    (CHAT_JOB + "[settings]\nrpm = 3", "settings.rpm: belongs in [limits]"),
    (CHAT_JOB + "[limits]\ndelay = 3", "limits.delay: belongs in [settings]"),
    (CHAT_JOB + '[limits]\npreset = "x"', "limits.preset: unknown key"),
    (CHAT_JOB + "price_in = 1\n[limits]\ncost = 5", "limits.cost: cost = 5 can't be kept without prices: set task.pri"),
    (INPUT + EMBED + "[limits]\ncost = 5", "set task.price_in in the job file"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_whatever_is_wrong_is_told_with_file_and_key(load, tmp_path, text, told):
    with pytest.raises(JobFileError) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path / 'job.toml'}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'api_key_env = "sk-hunter212345678"',
        'api_key_env = ["OK", "gsk_hunter212345678"]',
        'api_key_env = "hunter2 with spaces"',
        'base_url = "http://user:hunter2@host/v1"',
        'base_url = "http://host/v1?key=hunter2"',
    ],
)
def test_a_secret_is_refused_without_being_shown(load, line):
    with pytest.raises(JobFileError) as caught:
        load(CHAT_JOB + line)
    assert "hunter2" not in str(caught.value)
    assert "variable" in str(caught.value) or "no query" in str(caught.value)


def test_a_missing_job_file_is_told(tmp_path):
    with pytest.raises(JobFileError, match=r"none\.toml: can't be read: No such file"):
        load_job(tmp_path / "none.toml")
    with pytest.raises(JobFileError, match="can't be read: Is a directory"):
        load_job(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"), [("x.jsonl", b'{"id": 1}\n'), ("x.csv.gz", b"\x1f\x8b\x08"), ("x.parquet", b"PAR1\xff")]
)
def test_rows_given_for_a_job_file_are_told_as_such(tmp_path, name, content):
    path = tmp_path / name
    with pytest.raises(JobFileError, match="can't be read: No such file"):
        load_job(path)
    path.write_bytes(content)
    with pytest.raises(JobFileError, match=rf"{name}: is a file of rows, not a job file: write a job file \(TOML\)"):
        load_job(path)


def test_a_file_whose_name_is_no_job_name_must_set_one(load):
    with pytest.raises(JobFileError, match="the file's own name can't be the job's"):
        load(CHAT_JOB, "my job.toml")


def toml(value):
    match value:
        case dict():
            return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case datetime():
            return value.isoformat()
        case float():
            return repr(value)
        case _:
            return json.dumps(value)


scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.datetimes()
    | st.text(st.characters(codec="ascii", exclude_characters="\x7f"))
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["path", "type", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    st.sampled_from(["input.path", "input.id", "task.type", "task.base_url", "task.api_key_env", "task.parameters.x",
                     "task.system", "task.temperature", "task.fallback", "task.on_length", "task.price_in",
                     "settings.preset", "settings.delay", "limits.cost", "limits.rpm", "output.path", "output.failures",
                     "input", "task", "output", "name"]),
    anything,
)  # fmt: skip
def test_no_value_in_any_place_is_a_traceback(tmp_path_factory, place, value):
    table, _, key = place.partition(".")
    job = {"input": {"path": "a"}, "task": {"type": "chat", "model": "m", "prompt": "p"}}
    if key:
        job.setdefault(table, {}).update({key: value})
    else:
        job[table] = value
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text("\n".join(f"{name} = {toml(inner)}" for name, inner in job.items()))
    with suppress(JobFileError):
        spec = load_job(path)
        assert msgspec.json.decode(msgspec.json.encode(spec), type=JobSpec) == spec


@pytest.mark.parametrize("name", ["reviews.toml", "embeddings.toml"])
def test_examples_are_read_and_travel_unchanged(name):
    job = load_job(EXAMPLES / name)
    spec = msgspec.structs.replace(job, layers=assemble(job, presets=PRESETS, assignments=["rpm=5"]))
    assert msgspec.json.decode(msgspec.json.encode(spec), type=JobSpec) == spec
    assert Path(spec.input.path).exists()


class TestAssemble:
    JOB = JobSpec(
        name="j",
        input=InputSpec(path="/in.jsonl"),
        task=ChatSpec(model="m", prompt="p"),
        preset="conservative",
        layers=(Layer("job file", {"batch_size": 7, "concurrency": 3, "timeout": 9.0}),),
    )

    def test_later_layers_win_and_each_value_names_its_place(self):
        layers = assemble(
            self.JOB,
            presets=PRESETS,
            environment={"BATCHTOP_CONCURRENCY": "5", "BATCHTOP_TIMEOUT": "8s", "HOME": "/"},
            assignments=["timeout=7"],
            live=[Layer("dashboard", {"rpm": 60})],
        )
        resolved = resolve(layers)
        found = {key: (getattr(resolved.settings, key), origin) for key, origin in resolved.origins.items()}
        assert {key: value for key, value in found.items() if value[1] != "default"} == {
            "batch_size": (7, "job file"),
            "delay": (1.5, "preset conservative"),
            "concurrency": (5, "BATCHTOP_CONCURRENCY"),
            "max_wait": (2.0, "preset conservative"),
            "chunk_batches": (10, "preset conservative"),
            "chunk_pause": (3.0, "preset conservative"),
            "timeout": (7.0, "--set"),
            "rpm": (60, "dashboard"),
        }
        assert found["max_attempts"] == (5, "default")
        assert found.keys() == DIALS.keys()

    def test_a_preset_asked_for_replaces_the_jobs_and_stays_below_its_keys(self):
        resolved = resolve(assemble(self.JOB, presets=PRESETS, preset="aggressive/discovery"))
        assert (resolved.settings.batch_size, resolved.settings.delay) == (7, 0.05)
        assert resolved.origins["chunk_pause"] == "preset aggressive/discovery"

    def test_without_anything_there_are_defaults(self):
        job = msgspec.structs.replace(self.JOB, preset=None, layers=())
        assert assemble(job, presets=PRESETS) == ()

    def test_what_is_wrong_names_its_place(self):
        with pytest.raises(PresetError, match="unknown preset 'x'"):
            assemble(self.JOB, presets=PRESETS, preset="x")
        with pytest.raises(SettingError, match="BATCHTOP_DELAY"):
            assemble(self.JOB, presets=PRESETS, environment={"BATCHTOP_DELAY": "soon"})
        with pytest.raises(SettingError, match=r"--set: cost = 5 can't be kept without prices: set task.price_in and"):
            assemble(self.JOB, presets=PRESETS, assignments=["cost=5"])


@pytest.mark.parametrize(
    ("task", "usd"),
    [
        (ChatSpec(model="m", prompt="p", price_in=1.0, price_out=10.0), 2_000 / 1e6 + 5_000 / 1e6),
        (EmbeddingsSpec(model="m", text="t", price_in=1.0), 2_000 / 1e6),
        (EmbeddingsSpec(model="m", text="t", price_in=0.0), 0.0),
        (ChatSpec(model="m", prompt="p", price_in=1.0), None),
        (ChatSpec(model="m", prompt="p"), None),
    ],
)
def test_usage_has_a_price_where_prices_are_known(task, usd):
    assert cost_usd(task, Usage(2_000, 500)) == (None if usd is None else pytest.approx(usd))
