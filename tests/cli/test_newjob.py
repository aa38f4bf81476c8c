"""The wizard's workbench: the real one, for a real file, against the built-in provider."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from batchtop.cli.newjob import Bench
from batchtop.cli.preflight import key_names
from batchtop.engine.errors import AuthError, BatchtopError, InputError, JobFileError
from batchtop.engine.jobfile import load_job
from batchtop.engine.simulator import Simulator
from batchtop.engine.taskspec import ChatSpec
from batchtop.tui.app import Dashboard
from batchtop.tui.newjob.draft import Draft
from batchtop.tui.newjob.jobtext import job_text
from batchtop.tui.reads.source import WorkspaceSource
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.wizard import WizardScreen
from textual import events

from .shell import Shell, once, until


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "in.jsonl").write_text("".join(f'{{"id": {n}, "text": "item {n}"}}\n' for n in range(1, 2_001)))
    return Bench(tmp_path / "batchtop.db")


def draft(folder: Path, **values: str) -> Draft:
    usual = Draft(path=str(folder / "in.jsonl"), name="reviews", model="m", prompt="{text}", base_url="http://x/v1")
    return replace(usual, **values)


def checked(bench: Bench, made: Draft):
    return bench.check(job_text(made), made.file)


def test_a_job_is_checked_before_its_file_is_there(bench: Bench, tmp_path: Path) -> None:
    spec = checked(bench, draft(tmp_path))
    assert (spec.name, spec.input.path, spec.output.path) == (
        "reviews",
        str(tmp_path / "in.jsonl"),
        str(tmp_path / "reviews.out.jsonl"),
    )
    assert not (tmp_path / "reviews.toml").exists()
    with pytest.raises(JobFileError, match=r"reviews\.toml: task\.base_url: must not hold a user"):
        checked(bench, draft(tmp_path, base_url="http://me@x/v1"))


def test_what_stands_against_a_job_is_found(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(**values: str) -> list[str]:
        return [each.text for each in bench.findings(checked(bench, draft(tmp_path, **values)))]

    assert found() == []
    assert "MY_KEY is not set" in found(key_env="MY_KEY")[0]
    monkeypatch.setenv("MY_KEY", "abc")
    assert bench.has_key("MY_KEY")
    assert found(key_env="MY_KEY") == []
    assert "no field 'txt'" in found(prompt="{txt}")[0]
    assert "there is no folder" in found(output="nowhere/out.jsonl")[0]
    assert "File name too long" in found(output="o" * 300)[0]
    (tmp_path / "mine.jsonl").write_text("mine\n")
    assert "never written over" in found(output="mine.jsonl")[0]


def test_a_key_counts_once_however_many_variables_hold_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = checked(bench, draft(tmp_path, key_env="KEY_A KEY_B KEY_C KEY_D"))
    assert list(key_names(spec.task)) == ["KEY_A", "KEY_B", "KEY_C", "KEY_D"], "none is set here"
    for name, value in (("KEY_B", "one"), ("KEY_C", " one"), ("KEY_D", "two")):
        monkeypatch.setenv(name, value)
    assert list(key_names(spec.task)) == ["KEY_B", "KEY_D"]


def test_a_plan_is_made_and_can_be_given_up(bench: Bench, tmp_path: Path) -> None:
    spec = checked(bench, draft(tmp_path))
    heard: list[tuple[int, float]] = []
    told = bench.plan(spec, lambda rows, share: heard.append((rows, share)), threading.Event())(80)
    assert "2,000  rows in the input" in told
    assert heard[-1][0] == 2_000
    (tmp_path / "in.jsonl").rename(tmp_path / "gone.jsonl")
    assert any("No such file" in each.text for each in bench.findings(spec))
    with pytest.raises(InputError, match="No such file"):
        bench.plan(spec, lambda _rows, _share: None, threading.Event())
    (tmp_path / "gone.jsonl").rename(tmp_path / "in.jsonl")
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(BatchtopError, match="given up"):
        bench.plan(spec, lambda _rows, _share: None, given_up)


def test_a_job_without_its_key_is_not_started(bench: Bench, tmp_path: Path) -> None:
    made = draft(tmp_path, base_url="")
    made.file.write_text(job_text(made))
    with pytest.raises(AuthError, match="OPENAI_API_KEY is not set"):
        bench.start(made.file)
    assert not (tmp_path / "batchtop.db").exists()


def test_the_command_runs_the_same_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Bench(Path("batchtop.db")).command(tmp_path / "a b" / "job.toml") == "batchtop run 'a b/job.toml'"
    assert Bench(Path("/w.db")).command(tmp_path / "job.toml") == "batchtop run job.toml --db /w.db"


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # so is the engine meant
async def test_from_a_file_to_its_answers(shell: Shell, provider: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.rows(40)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, shell.environment[name])
    monkeypatch.chdir(shell.folder)
    app = Dashboard(WorkspaceSource(shell.db), workbench=Bench(shell.db), environment={})
    async with app.run_test(size=(80, 24)) as pilot:

        async def step(number: int) -> None:
            await until(lambda: isinstance(app.screen, WizardScreen) and app.screen.at == number)

        async def paste(text: str) -> None:
            app.post_message(events.Paste(text))
            await pilot.pause()

        await pilot.press("n")
        await step(0)
        await paste("in.jsonl")
        await pilot.press("enter")
        await step(1)
        await paste("gpt-4o-mini")
        await pilot.press("down")
        await paste(provider.base_url)
        await pilot.press("pagedown")
        await step(2)
        await paste("Say what\nthis is: {text}")
        await pilot.press("pagedown")
        await step(3)
        assert isinstance(app.screen, WizardScreen)
        wizard = app.screen
        await until(lambda: not wizard.step.hindrance())
        await pilot.press("enter")
        await step(4)
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, JobScreen))
        await until(lambda: shell.state("in") == "finished")
    assert shell.ids("in.out.jsonl") == once(40)
    task = load_job(shell.folder / "in.toml").task
    assert isinstance(task, ChatSpec)
    assert task.prompt == "Say what\nthis is: {text}"
