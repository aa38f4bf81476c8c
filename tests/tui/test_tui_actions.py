import ast
from collections import Counter
from pathlib import Path

import batchtop.tui
import pytest
from batchtop.tui.actions import ACTIONS, TITLES, of
from batchtop.tui.app import Dashboard
from batchtop.tui.screens.failures import FailuresScreen
from batchtop.tui.screens.help import HelpScreen, help_lines
from batchtop.tui.screens.history import HistoryScreen
from batchtop.tui.screens.item import ItemScreen
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen
from batchtop.tui.screens.lanes import LanesScreen
from batchtop.tui.screens.pick import PickScreen
from batchtop.tui.screens.presets import PresetScreen
from batchtop.tui.screens.question import QuestionScreen
from batchtop.tui.screens.results import ResultsScreen
from batchtop.tui.screens.wizard import WizardScreen
from batchtop.tui.widgets.valueinput import ValueInput
from batchtop.tui.words.line import text_of
from textual.binding import Binding

from .driving import dashboard

PLACES = {
    Dashboard: ("anywhere",),
    JobScreen: ("job", "dials", "log"),
    FailuresScreen: ("failures",),
    JobsScreen: ("jobs",),
    HistoryScreen: ("history",),
    LanesScreen: ("lanes",),
    ResultsScreen: ("results",),
    ItemScreen: ("item",),
    PresetScreen: ("presets",),
    QuestionScreen: ("question",),
    WizardScreen: ("wizard",),
    PickScreen: ("pick",),
    HelpScreen: ("help",),
    ValueInput: ("typing",),
}
TMUX = {"ctrl+b", "ctrl+a", "ctrl+s", "ctrl+j", "ctrl+z"}


@pytest.mark.parametrize("owner", PLACES)
def test_bindings_come_from_the_table_and_can_be_rebound(owner: type) -> None:
    bound = [binding for binding in owner.BINDINGS if isinstance(binding, Binding)]
    assert len(bound) == len(owner.BINDINGS)
    assert {binding.id for binding in bound} == {action.id for action in of(*PLACES[owner])}


def test_bindings_are_written_nowhere_else() -> None:
    folder = Path(batchtop.tui.__file__).parent
    for file in folder.rglob("*.py"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
        assert file.name == "actions.py" or "Binding" not in calls, file


@pytest.mark.parametrize("owner", PLACES)
def test_every_action_has_its_method(owner: type) -> None:
    for action in of(*PLACES[owner]):
        target = Dashboard if action.method.startswith("app.") else owner
        assert hasattr(target, f"action_{action.method.removeprefix('app.').partition('(')[0]}"), action.id


def test_the_help_tells_every_action() -> None:
    text = "\n".join(map(text_of, help_lines({})))
    assert {action.where for action in ACTIONS} == set(TITLES)
    for action in ACTIONS:
        assert action.help in text, action.id
    assert "ctrl+g" in "\n".join(map(text_of, help_lines({"job.pause": "ctrl+g"})))


def test_no_key_means_two_things_in_one_place() -> None:
    for owner, places in PLACES.items():
        shared = () if owner not in {JobScreen, FailuresScreen} else ("anywhere",)
        keys = Counter(key for action in of(*places, *shared) for key in action.keys.split(","))
        assert [key for key, times in keys.items() if times > 1] == [], owner


def test_keys_a_multiplexer_takes_are_not_used() -> None:
    assert TMUX.isdisjoint(key for action in ACTIONS for key in action.keys.split(","))


async def test_a_screen_that_is_gone_draws_no_keys_any_more() -> None:
    async with dashboard() as tui:
        screen = tui.app.screen
        assert isinstance(screen, JobScreen)
        screen.call_after_refresh(screen.show_keys)
        tui.app.open("lanes", "reviews")
        await tui.until(lambda: isinstance(tui.app.screen, LanesScreen))
        await tui.pilot.pause(0.1)
        assert tui.app.failure is None
