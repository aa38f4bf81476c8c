"""Models on this machine: portions that memory has room for; and real ones, tiny and made here, if there is torch."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from batchtop.engine.engine import Engine
from batchtop.engine.errors import JobFileError, TaskError
from batchtop.engine.identity import identify
from batchtop.engine.item import Item
from batchtop.engine.job import OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.outcome import Outcome
from batchtop.engine.tasks import build_task
from batchtop.engine.taskspec import TransformersSpec
from batchtop.engine.transports import Response, TransportError, open_worker
from batchtop.engine.transports.model import _each
from batchtop.engine.transports.portions import Portions, TooLargeError
from batchtop.engine.vector import HALF, SINGLE, json_of
from hypothesis import given
from hypothesis import strategies as st

from .workshop import job_of, lines_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "local-vectors.toml"
INSTALLED = find_spec("torch") is not None and find_spec("sentence_transformers") is not None
needs_models = pytest.mark.skipif(not INSTALLED, reason="the extra `models` is not installed: nothing runs a model")

# ── portions ──


class Memory:
    """Does work on numbers as long as their sum has room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tries: list[int] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.tries.append(len(numbers))
        if sum(numbers) > self.room:
            raise TooLargeError("no room")
        return [number * 10 for number in numbers]


def portions(memory: Memory) -> Portions[int, int]:
    return Portions(memory, lambda _error: -1)


@given(st.lists(st.lists(st.integers(1, 12), max_size=20), max_size=6), st.integers(1, 40))
def test_each_gets_its_own_result_and_only_what_has_no_room_alone_gets_none(batches, room):
    work = portions(Memory(room))
    for batch in batches:
        assert work(batch) == [number * 10 if number <= room else -1 for number in batch]


def test_a_batch_is_halved_until_it_fits_and_later_ones_begin_with_what_was_learnt():
    memory = Memory(3)
    work = portions(memory)
    assert len(work([1] * 10)) == len(work([1] * 4)) * 2.5
    assert memory.tries == [10, 5, 2, 2, 2, 2, 2, 2, 2]
    assert work.most == 2


def test_one_that_is_too_large_by_itself_teaches_nothing_about_the_others():
    memory = Memory(3)
    work = portions(memory)
    assert work([1, 1, 9, 1, 1]) == [10, 10, -1, 10, 10]
    assert work.most is None


# ── what a job file says ──


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('text = "{text}"', "task.model: is missing"),
        ('model = "m"\ntext = "{text"', "task.text: '{' at character 1"),
        ('model = "m"\ntext = "{text}"\ndevise = "cpu"', "task.devise: unknown key; did you mean 'device'?"),
        (
            'model = "m"\ntext = "{text}"\npipeline = "p"\nvectors = "float16"',
            "task.vectors: says how vectors are stored",
        ),
        (
            'model = "m"\ntext = "{text}"\nvectors = "int8"',
            "task.vectors: 'int8' is not understood; it can be: float32, float16",
        ),
        ('model = "m"\ntext = "{text}"\nprompt = "x"', "task.prompt: is for tasks of type 'chat'"),
    ],
)
def test_what_is_wrong_in_a_job_file_is_told_with_its_key(tmp_path, keys, told):
    path = tmp_path / "job.toml"
    path.write_text(f'[input]\npath = "in.jsonl"\n[task]\ntype = "transformers"\n{keys}\n')
    with pytest.raises(JobFileError) as wrong:
        load_job(path)
    assert str(wrong.value).startswith(f"{path}: {told}")


def spec_of(**more: Any) -> TransformersSpec:
    return TransformersSpec(**{"model": "m", "text": "{text}"} | more)


def test_a_batch_is_one_call_with_the_text_of_each_item():
    plan = build_task(spec_of(text="a {text}"), None).plan([Item(0, "0", {"text": "b"}), Item(1, "1", {"tex": "c"})])
    assert [json.loads(call.request.body) for call in plan.calls] == [["a b"]]
    assert [answer.message for _, answer in plan.unfit] == ["no field 'text' in this item: it has tex"]


def test_where_a_model_runs_is_no_part_of_its_answer():
    def digest(**more: Any) -> bytes:
        return identify(job_of(Path("in"), spec_of(**more)))("1", {"text": "a", "other": len(more)})

    assert digest() == digest(device="cpu", path="/elsewhere")
    assert digest() == digest(vectors="float16")
    assert len({digest(), digest(model="n"), digest(pipeline="fill-mask"), digest(parameters={"top_k": 2})}) == 4
    spec = spec_of(parameters={"top_k": 2})
    assert msgspec.json.decode(msgspec.json.encode(spec), type=TransformersSpec) == spec


def read(spec: TransformersSpec, *outputs: object) -> list[bytes]:
    """Return what is stored of a model's outputs, as its transport hands them over, or what is told of an item."""
    task = build_task(spec, None)
    (call,) = task.plan([Item(number, str(number), {"text": "a"}) for number in range(len(outputs))]).calls
    body = msgspec.json.encode([{"output": output} for output in outputs])
    return [answer.output or answer.message.encode() for answer in task.read(call, Response(200, {}, body)).answers]


@pytest.mark.parametrize(("vectors", "tag"), [("float32", SINGLE), ("float16", HALF)])
def test_vectors_are_packed_and_what_else_a_model_makes_stays_json(vectors, tag):
    spec = spec_of(vectors=vectors)
    made = _each(np.array([[0.5, -1], [2, 3]], dtype="float16" if tag == HALF else "float64"))
    outputs = read(spec, *made, [4, 5.5], [[0.25, 1], [2, 3]], [])
    assert [json.loads(json_of(output)) for output in outputs] == [[0.5, -1], [2, 3], [4, 5.5], [[0.25, 1], [2, 3]], []]
    assert [output[:1] for output in outputs] == [tag, tag, tag, b"[", b"["]
    assert read(spec_of(pipeline="p", vectors=vectors), [0.5, -1]) == [b"[0.5,-1]"]


def test_a_vector_that_cannot_be_stored_is_its_items_fault_alone():
    good, bad = read(spec_of(), *_each(np.array([[1.0], [np.nan]])))
    assert (good[:1], b"none at all (nan)" in bad) == (SINGLE, True)
    assert _each(np.array([[1, -128]], dtype="int8")) == [[1, -128]]


@pytest.mark.skipif(INSTALLED, reason="the extra `models` is installed")
def test_a_missing_extra_is_told_before_anything_starts():
    with pytest.raises(TaskError, match=r"pip install 'batchtop\[models\]' \(torch is missing\)"):
        open_worker(spec_of())


# ── real models ──


@asynccontextmanager
async def at_work(spec: TransformersSpec) -> AsyncIterator[Any]:
    worker = await asyncio.to_thread(open_worker, spec)
    task = build_task(spec, None)
    assert worker

    async def ask(*texts: str) -> list[Any]:
        (call,) = task.plan([Item(number, str(number), {"text": text}) for number, text in enumerate(texts)]).calls
        reply = task.read(call, await worker.send(call.request, timeout_s=60))
        return [
            json.loads(json_of(each.output)) if each.outcome is Outcome.OK else each.message for each in reply.answers
        ]

    ask.worker = worker  # type: ignore[attr-defined]
    try:
        yield ask
    finally:
        await worker.aclose()


WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tea", "good", "bad")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a classifier of eight words and one layer, and static vectors of the same words."""
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models")
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.eye(len(WORDS), dtype="float32")
    SentenceTransformer(modules=[StaticEmbedding(words, embedding_weights=vectors)]).save(str(folder / "static"))
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **sizes))
    model.save_pretrained(folder / "bert")
    BertForMaskedLM(BertConfig(vocab_size=len(WORDS), **sizes)).save_pretrained(folder / "masked")
    special = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
    for name in ("bert", "masked"):
        PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder / name)
    return folder


@needs_models
class TestRealModels:
    async def test_vectors(self, made):
        async with at_work(spec_of(model="static", path=str(made))) as ask:
            good, bad = await ask("good tea", "bad")
        assert good == [0, 0, 0, 0, 0, 0.5, 0.5, 0]
        assert bad == [0, 0, 0, 0, 0, 0, 0, 1]

    async def test_a_pipeline_with_its_parameters(self, made):
        spec = spec_of(model="bert", pipeline="text-classification", path=str(made), parameters={"top_k": None})
        async with at_work(spec) as ask:
            answers = await ask("good tea", "bad", "tea tea tea")
        for answer in answers:
            assert {each["label"] for each in answer} == {"LABEL_0", "LABEL_1"}
            assert sum(each["score"] for each in answer) == pytest.approx(1)

    async def test_an_item_alone_has_an_answer_of_the_same_shape_as_among_others(self, made):
        async with at_work(spec_of(model="masked", pipeline="fill-mask", path=str(made))) as ask:
            (alone,) = await ask("good [MASK]")
            among, _ = await ask("good [MASK]", "bad [MASK]")
        assert len(alone) == len(among) == 5

    async def test_short_memory_makes_smaller_portions(self, made, monkeypatch):
        torch = pytest.importorskip("torch")
        spec = spec_of(model="static", path=str(made))
        async with at_work(spec) as ask:
            run, sizes = ask.worker._run, []

            def tight(texts: Sequence[str]) -> Any:
                sizes.append(len(texts))
                if len(texts) > 2 or "bad" in texts:
                    raise torch.OutOfMemoryError("CUDA out of memory.\nAll of it.")
                return run(texts)

            monkeypatch.setattr(ask.worker, "_run", tight)
            first = await ask(*["good"] * 8)
            second = await ask("tea", "bad", "tea")
            told = ask.worker.told
        assert told == ["memory has room for 2 items at once, and not for twice as many"]
        assert sizes == [8, 4, 2, 2, 2, 2, 2, 1, 1, 1]
        assert first == [[0, 0, 0, 0, 0, 0, 1, 0]] * 8
        assert second[1] == "not even this item alone has room in memory: CUDA out of memory."
        assert second[0] == second[2] == [0, 0, 0, 0, 0, 1, 0, 0]

    async def test_what_the_model_objects_to_is_told(self, made):
        spec = spec_of(model="bert", pipeline="text-classification", path=str(made))
        async with at_work(spec) as ask:
            with pytest.raises(TransportError, match="Error: ") as wrong:
                await ask("good", "tea " * 600)  # it has places for 512
            assert len(await ask("good")) == 1
        assert wrong.value.outcome is Outcome.BAD_ITEM
        longer = msgspec.structs.replace(spec, parameters={"truncation": True, "max_length": 512})
        async with at_work(longer) as ask:
            assert len(await ask("good", "tea " * 600)) == 2

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            (
                {"model": "nothing"},
                "task.model: nothing, which is no folder in .* and was not fetched before, can't be",
            ),
            (
                {"model": "bert", "pipeline": "text-clasification"},
                "task.pipeline: .*; did you mean 'text-classification'",
            ),
            ({"model": "bert", "device": "abacus"}, "task.device: 'abacus' can't be used here"),
        ],
    )
    def test_what_can_t_be_had_is_told_before_anything_starts(self, made, monkeypatch, more, told):
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(TaskError, match=told):
            open_worker(spec_of(path=str(made), **more))

    async def test_the_example_runs_and_reviews_of_one_thing_are_near_each_other(self, workspace, tmp_path):
        job = load_job(EXAMPLE)
        async with Engine(workspace) as engine:
            await engine.run(msgspec.structs.replace(job, output=OutputSpec(str(tmp_path / "out"))))
        vectors = {line["id"]: line["output"] for line in lines_of(tmp_path / "out")}
        assert len(vectors) == 30

        def alike(one: int, other: int) -> float:
            return sum(a * b for a, b in zip(vectors[one], vectors[other], strict=True))

        assert alike(27, 28) > 0.9  # two bread knives
        assert alike(27, 1) < 0.5
