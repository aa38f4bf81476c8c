"""Pictures beside a prompt: files as they are read, what is none, and what goes as it is."""

import json
from base64 import b64encode
from pathlib import Path
from shutil import copytree

import pytest
from batchtop.engine import Engine
from batchtop.engine.errors import JobFileError
from batchtop.engine.item import Item
from batchtop.engine.job import OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.image import media_type
from batchtop.engine.transports import TransportError, images

from .workshop import chat, job_of, lines_of, write_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
        (b"RIFF\x01\x02\x03\x04WAVE", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_bytes(data: bytes, kind: str | None):
    assert media_type(data) == kind


def asked(fields: dict[str, object], *templates: str) -> bytes:
    task = build_task(chat(images=templates, path="/pictures"), None)
    (call,) = task.plan([Item(1, "1", {"text": "a", **fields})], 9).calls
    return call.request.body


def test_urls_go_as_they_are_paths_wait_for_the_transport_and_an_empty_one_is_none():
    data = "data:image/png;base64,AAAA"
    fields = {"a": "b/c.png", "b": "https://h/x.jpg", "c": data, "d": "", "e": None}
    body = json.loads(asked(fields, "{a}", "{b}", "{c}", "{d}", "{e}", "/x/{a}"))
    text, *parts = body["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in parts]
    assert text == {"type": "text", "text": "Judge: a"}
    assert urls == ["file:///pictures/b/c.png", "https://h/x.jpg", data, "file:///x/b/c.png"]


def test_pictures_are_counted_by_their_number_not_their_bytes():
    task = build_task(chat(images=("{a}", "{a}")), None)
    (small,) = task.plan([Item(1, "1", {"text": "t", "a": "x.png"})]).calls
    (large,) = task.plan([Item(1, "1", {"text": "t", "a": f"data:image/png;base64,{'A' * 100_000}"})]).calls
    assert small.most == large.most
    assert 2_000 < small.most.tokens_in < 2_100


def test_what_names_no_file_is_sent_as_it_is():
    body = asked({"a": ""}, "{a}")
    assert images.filled(body) == body
    said = json.dumps({"messages": [{"role": "user", "content": "file:///etc/passwd"}]}).encode()
    assert json.loads(images.filled(said)) == json.loads(said)


def test_a_file_too_large_is_refused_before_it_is_all_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(images, "MAX_IMAGE_BYTES", len(PNG))
    (tmp_path / "a.png").write_bytes(PNG)
    assert images.data_url(tmp_path / "a.png").endswith(b64encode(PNG).decode())
    (tmp_path / "a.png").write_bytes(PNG + b".")
    with pytest.raises(TransportError, match=r"a\.png is larger than"):
        images.data_url(tmp_path / "a.png")


async def test_a_job_sends_its_files_and_fails_those_that_are_none(tmp_path: Path):
    (tmp_path / "good.png").write_bytes(PNG)
    (tmp_path / "page.png").write_bytes(b"<html>")
    (tmp_path / "folder.png").mkdir()
    names = ["good.png", "page.png", "folder.png", "gone.png", "bad\0name.png"]
    rows = write_rows(tmp_path / "in.jsonl", [{"id": name, "text": "t", "file": name} for name in names])
    output = OutputSpec(str(tmp_path / "out.jsonl"), str(tmp_path / "failed.jsonl"))
    async with Simulator(Behaviour()) as provider, Engine(tmp_path / "w.db") as engine:
        task = chat(provider.base_url, images=("{file}",), path=str(tmp_path))
        assert (await engine.run(job_of(rows, task, output=output))).exit_code == 1
        assert len(provider.arrivals) == 1, "what can't be asked is not sent"
    assert [line["id"] for line in lines_of(tmp_path / "out.jsonl")] == ["good.png"]
    told = {
        line["id"]: (line["error"]["kind"], line["error"]["message"]) for line in lines_of(tmp_path / "failed.jsonl")
    }
    for name, why in zip(names[1:], ("is no picture", "is no file", "No such file", "can't be read"), strict=True):
        kind, message = told[name]
        assert kind == "bad_item"
        assert why in message
        assert name.partition("\0")[0] in message


def test_a_job_file_names_pictures_from_its_own_folder_on(tmp_path: Path):
    job = '[input]\npath = "in.jsonl"\n[task]\ntype = "chat"\nmodel = "m"\nbase_url = "http://h/v1"\nprompt = "p"\n'
    (tmp_path / "job.toml").write_text(job + 'images = ["{a}", "{b}.png"]')
    task = load_job(tmp_path / "job.toml").task
    assert (task.path, task.templates) == (str(tmp_path), ("p", "", "{a}", "{b}.png"))
    (tmp_path / "job.toml").write_text(job + 'images = ["{a}", "{b"]')
    with pytest.raises(JobFileError, match=r"task\.images\[1\]: '\{' at character 1"):
        load_job(tmp_path / "job.toml")


async def test_the_example_runs_as_it_is(tmp_path: Path):
    copytree(EXAMPLES / "pictures", tmp_path / "pictures")
    async with Simulator(Behaviour()) as provider, Engine(tmp_path / "w.db") as engine:
        text = (EXAMPLES / "images.toml").read_text().replace("http://127.0.0.1:8800/v1", provider.base_url)
        (tmp_path / "images.toml").write_text(text)
        assert (await engine.run(load_job(tmp_path / "images.toml"))).exit_code == 0
    assert len(lines_of(tmp_path / "pictures.out.jsonl")) == 3
