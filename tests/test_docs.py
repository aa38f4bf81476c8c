"""The documents are true: what they list is what the program has, and what they show works as it stands."""

import asyncio
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from batchtop.cli import hook
from batchtop.cli import parser as door
from batchtop.cli.config import VARIABLE, Notify, Plain, load_config
from batchtop.cli.keymap import keymap
from batchtop.cli.scenarios import SCENARIOS
from batchtop.engine import ending, errors
from batchtop.engine.job import InputSpec, OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.preparespec import StepSpec
from batchtop.engine.presets import COMPLETE, load_presets, profile
from batchtop.engine.settings import DIALS, Settings, allowed, show
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.taskspec import (
    ChatSpec,
    CommandSpec,
    EmbeddingsSpec,
    HttpSpec,
    OpenAIBatchSpec,
    PythonSpec,
    TransformersSpec,
)
from batchtop.tui.actions import ACTIONS, TITLES
from batchtop.tui.keys import key_name
from batchtop.tui.screens.panels import ROOMY
from batchtop.tui.widgets.toosmall import LEAST

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/inputs.md", "docs/preparation.md", "docs/tasks.md", "CONTRIBUTING.md")
}
CONTRIBUTING = PAGES["CONTRIBUTING.md"]
MANUAL = "\n".join(text for text in PAGES.values() if text is not CONTRIBUTING)
"""The README, and the pages that it leaves the rest to."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_IN = load_presets(Path("/nonexistent"))


def section(title: str, text: str = MANUAL) -> str:
    """Return what stands under the title of a page, or under a heading of the second level."""
    found = re.search(rf"^##? {re.escape(title)}\n(.*?)(?=^##? [A-Z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def table(title: str) -> list[list[str]]:
    """Return the cells of every table row in a section, headings left out."""
    return rows_of(section(title))


def rows_of(text: str) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if re.match(r"\| *[^-\s]", line)]
    return [[cell.strip() for cell in row] for row in rows]


def blocks(language: str, text: str = MANUAL) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def quoted(text: str) -> list[str]:
    """Return what stands between backticks in a line; blocks of code are no part of it."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))


# ── what the program has is told ──


def test_every_command_is_told():
    told = {quoted(row[0])[0] for row in table("Commands")[1:]}
    names = {" ".join(re.findall(r"[a-z-]+", line.removeprefix("batchtop").split("[")[0])[:1]) for line in told}
    assert names - {"--no-ui"} == set(door.HOMES)


def parsers(of: ArgumentParser) -> Iterator[ArgumentParser]:
    yield of
    for action in of._actions:
        if isinstance(action.choices, dict):
            yield from action.choices.values()


def test_every_option_named_exists():
    known = {option for each in parsers(door.parser()) for action in each._actions for option in action.option_strings}
    named = {
        option for text in quoted(MANUAL) + blocks("sh") for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)
    }
    assert named - {"-r", "-m", "-f"} <= known


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines() if "batchtop " in line])
def test_every_command_line_is_understood(line):
    words = shlex.split(re.split(r" \| (?!batchtop )| 2> ", line)[0].rpartition(" | ")[2], comments=True)
    assert words[0] == "batchtop"
    door.parser().parse_args(words[1:])


@pytest.mark.parametrize("key", DIALS)
def test_every_setting_is_told_with_its_default_its_range_and_its_variable(key):
    dial = DIALS[key]
    (row,) = (row for row in table("Settings") if row[0] == f"`{key}`")
    unit = {"count": "", "seconds": " s", "usd": " USD"}[dial.kind]
    span = row[2].removesuffix(unit)
    assert row[1] == show(key, getattr(Settings(), key))
    assert row[2] == f"{span}{unit}"
    assert re.search(rf"from {re.escape(span)}\b", allowed(dial))
    assert row[4] == f"`{dial.env}`"


def test_no_setting_is_told_that_does_not_exist():
    assert {quoted(row[0])[0] for row in table("Settings")[1:]} == set(DIALS)


def labels() -> list[str]:
    stages = ((each.name, stage, stage == each.default) for each in BUILT_IN.values() for stage in each.profiles)
    return [name if default else f"{name}/{stage}" for name, stage, default in stages]


def test_every_built_in_preset_is_told_with_its_figures():
    heading, *rows = table("Presets")
    assert [quoted(cell)[0] for cell in heading[1:]] == list(COMPLETE)
    told = {quoted(row[0])[0]: row[1:] for row in rows}
    had = {label: profile(BUILT_IN, label)[1] for label in labels()}
    assert told == {label: [show(key, values[key]) for key in COMPLETE] for label, values in had.items()}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_key_is_told(action):
    where = "Help" if action.where == "help" else TITLES[action.where]
    moves = action.method.startswith(("cursor(", "page("))
    rows = [row for row in table("Dashboard") if row[0] == where or (moves and row[0] == "Every list")]
    told = {key for row in rows for key in quoted(row[1])}
    assert {key_name(key) for key in action.keys.split(",")} <= told


def test_no_key_is_told_that_does_nothing():
    had = {key_name(key) for action in ACTIONS for key in action.keys.split(",")}
    assert {key for row in table("Dashboard")[1:] for key in quoted(row[1])} <= had


def test_every_exit_code_is_told():
    raised = {each.exit_code for each in vars(errors).values() if isinstance(each, type)}
    ended = {value for name, value in vars(ending).items() if name.startswith("EXIT_")}
    assert {int(row[0]) for row in table("Headless")[1:]} == raised | ended


def test_every_scenario_of_the_demo_is_told():
    scenarios, _ = section("See it in trouble").split("The troubles are switches")
    assert set(re.findall(r"(?m)^\| `([^`]+)`", scenarios)) == set(SCENARIOS)


def test_every_key_of_the_config_file_is_told(tmp_path):
    (block,) = blocks("text", section("Dashboard"))
    path = tmp_path / "config.toml"
    path.write_text(block, encoding="utf-8")
    config = load_config({VARIABLE: str(path)})
    plain, notify = Plain.__struct_fields__, Notify.__struct_fields__
    assert config.written - {f"keys.{each}" for each in config.keys} == {*plain, *(f"notify.{each}" for each in notify)}
    assert keymap(config.keys, path) == {"job.pause": "space,P"}


def test_what_a_hook_is_told_is_told():
    had = set(re.findall(r'"(BATCHTOP_[A-Z_]+)"', Path(hook.__file__).read_text(encoding="utf-8")))
    assert had <= set(quoted(section("Dashboard")))


def test_the_sizes_told_are_those_of_the_screens():
    text = section("Dashboard")
    assert f"needs {LEAST[0]} x {LEAST[1]} cells" in text
    assert f"everything at once from {ROOMY[0]} x {ROOMY[1]}" in text


@pytest.mark.parametrize("spec", get_args(StepSpec))
def test_every_step_of_a_preparation_is_told_with_its_keys(spec):
    rows = [list(map(quoted, row[:2])) for row in table("Preparation")[1:]]
    names = [step[0] if step else None for step, _ in rows]
    first = names.index(spec.__struct_config__.tag)
    after = next((place for place in range(first + 1, len(names)) if names[place]), len(names))
    told = {key for _, keys in rows[first:after] for key in keys}
    assert set(spec.__struct_fields__) - {"dropped"} == told - {"dropped"}


@pytest.mark.parametrize(
    ("place", "spec"),
    [
        ("input", InputSpec),
        ("output", OutputSpec),
        ("task", ChatSpec),
        ("task", EmbeddingsSpec),
        ("task", OpenAIBatchSpec),
        ("task", PythonSpec),
        ("task", HttpSpec),
        ("task", CommandSpec),
        ("task", TransformersSpec),
    ],
)
def test_every_key_of_the_job_file_is_told(place, spec):
    rows = [*table("Job file"), *rows_of(PAGES["docs/tasks.md"])]
    told = {key for row in rows for key in quoted(row[0])}
    assert {f"{place}.{name}" for name in spec.__struct_fields__} <= told


def test_every_table_of_the_workspace_is_told(ran):
    with closing(sqlite3.connect(ran / "batchtop.db")) as db:
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        assert {quoted(row[0])[0] for row in table("The workspace")[1:]} == {name for (name,) in names}


# ── what is shown works ──


def is_job(block: str) -> bool:
    return "task" in tomllib.loads(block)


@pytest.mark.parametrize("block", [each for each in blocks("toml") if is_job(each)])
def test_every_job_file_shown_is_one(block, tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(block, encoding="utf-8")
    spec = load_job(path)
    assert spec.preset in {None, *labels()}


def test_the_preset_shown_is_one(tmp_path):
    (block,) = (block for block in blocks("toml") if not is_job(block))
    (tmp_path / "nights.toml").write_text(block, encoding="utf-8")
    label, values = profile(load_presets(tmp_path), "nights")
    assert (label, values["timeout"]) == ("nights", 120)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run the library's example over the quick start's file and job, and return the folder it all lies in."""
    folder = tmp_path_factory.mktemp("readme")
    rows, _ = blocks("json")
    (program,) = blocks("python")
    (folder / "reviews.jsonl").write_text(rows, encoding="utf-8")

    async def run() -> tuple[bytes, bytes]:
        async with Simulator(Behaviour()) as provider:
            job = blocks("toml")[0].replace("[task]\n", f'[task]\nbase_url = "{provider.base_url}"\n')
            (folder / "reviews.toml").write_text(job, encoding="utf-8")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-c", program),
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if not name.startswith("BATCHTOP_")},
            )
            return await process.communicate()

    assert asyncio.run(run()) == (b"finished 0 \n", b"")
    return folder


def test_the_library_example_answers_the_quick_start(ran):
    _, shown = blocks("json")
    answers = [json.loads(line) for line in (ran / "sentiment.jsonl").read_text().splitlines()]
    examples = [json.loads(line) for line in shown.splitlines()]
    assert sorted((answer["id"], answer["status"]) for answer in answers) == [(1, "ok"), (2, "ok")]
    assert [list(answer)[:3] for answer in answers] == [list(example) for example in examples]


def test_the_query_shown_finds_the_results(ran):
    (query,) = blocks("sql")
    with closing(sqlite3.connect(ran / "batchtop.db")) as db:
        rows = db.execute(query).fetchall()
    assert [(outcome, items, attempts) for outcome, items, _, attempts in rows] == [("ok", 2, 1)]


# ── the documents agree with the tree ──


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"(?m)^#+ (.*)$", text)}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        assert not anchor or anchor in anchors(page.read_text(encoding="utf-8")), target


def mapped() -> list[str]:
    lines = [line for block in blocks("text", CONTRIBUTING) for line in block.splitlines()]
    return [line.split()[0].rstrip("/") for line in lines if line]


def test_everything_on_the_map_is_there():
    assert [path for path in mapped() if not (ROOT / path).exists()] == []


def test_every_package_and_every_module_at_its_top_is_on_the_map():
    packages = PROJECT["tool"]["setuptools"]["packages"]
    modules = [path for folder in ("engine", "tui", "cli") for path in (ROOT / folder).glob("[!_]*.py")]
    wanted = {each.removeprefix("batchtop.").replace(".", "/") for each in packages}
    wanted |= {str(path.relative_to(ROOT)) for path in modules}
    assert sorted(wanted - set(mapped())) == []


def test_every_dependency_has_its_reason():
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9._-]", each)[0] for each in wanted}
    told = set(quoted(section("Dependencies", CONTRIBUTING)))
    assert names <= told


def test_every_make_target_is_told():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert [target for target in targets if f"make {target}" not in CONTRIBUTING] == []


def tracked() -> list[str]:
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in found.stdout.split("\0") if name]


FROM_A_MACHINE = re.compile(
    r"(?i)py[p]i\.|pythonhoste[d]|--(?:extra-)?index-ur[l]|/simple[/]"  # where packages were fetched from
    r"|(?<![\w.:/-])/(?:home|users|root|work|workspace|builds?)/[a-z0-9_.-]"  # where the tree lay
)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this tree is no clone")
def test_no_file_tells_where_it_was_made():
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in tracked()
        if (ROOT / name).is_file()
    }
    assert {name: found[0] for name, text in texts.items() if (found := FROM_A_MACHINE.search(text))} == {}
