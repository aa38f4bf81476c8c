"""Every key in one table, which feeds the bindings, the key bar, the help and the command palette."""

from collections.abc import Iterator
from typing import Final

from textual.binding import Binding, BindingType

from .keys import Action, Where

TITLES: Final[dict[Where, str]] = {
    "job": "The job",
    "dials": "Dials",
    "log": "Events",
    "failures": "Failures",
    "history": "Settings history",
    "anywhere": "Everywhere",
    "jobs": "List of jobs",
    "presets": "Preset picker",
    "question": "Questions",
    "typing": "Typing a value",
    "help": "This help",
}


def _rows(where: Where, one: str) -> tuple[Action, ...]:
    """Return what moves the mark in a list; `one` is what a row stands for."""
    return (
        Action(where, "up", "up,k", "cursor(-1)", "up", f"the {one} above"),
        Action(where, "down", "down,j", "cursor(1)", "down", f"the {one} below"),
        Action(where, "page_up", "pageup", "page(-1)", "page up", "a page up"),
        Action(where, "page_down", "pagedown", "page(1)", "page down", "a page down"),
        Action(where, "first", "home", "cursor(-1000000)", "first", f"the first {one}"),
        Action(where, "last", "end", "cursor(1000000)", "last", f"the last {one}"),
    )


ACTIONS: Final[tuple[Action, ...]] = (
    Action("job", "pause", "space", "pause", "pause", "pause; again: resume", 1, writes=True),
    Action("job", "presets", "p", "presets", "preset", "choose a preset, with what it would change", 2, writes=True),
    Action("job", "retest", "K", "retest", "retest", "try keys again that were refused or given up", 1, writes=True),
    Action("job", "drain", "D", "drain", "drain", "send nothing new, finish what is in flight, stop", 5, writes=True),
    Action("job", "cancel", "x", "cancel", "cancel", "stop at once, giving up what is in flight", 6, writes=True),
    Action("job", "back", "escape", "back", "jobs", "back to the list of jobs", 9),
    Action("job", "copy", "y", "copy", "copy", "copy the marked event, or else a summary of the job", 8),
    Action("job", "range", "t", "range(1)", "charts: more time", "charts of 1 min, 5 min, 15 min, all"),
    Action("job", "range_back", "T", "range(-1)", "charts: less time", "the same, backwards"),
    Action("job", "failures", "f", "failures", "failures", "what failed, by cause and item by item"),
    Action("job", "undo", "u", "undo", "undo", "undo the last change of settings; again: the one before", writes=True),
    Action("job", "history", "H", "history", "settings history", "changes of settings and what they did"),
    Action("dials", "up", "up,k", "dial(-1)", "up", "the dial above"),
    Action("dials", "down", "down,j", "dial(1)", "down", "the dial below"),
    Action("dials", "less", "left,minus,h", "step(-1)", "change", "one step less", 3, writes=True),
    Action("dials", "more", "right,plus,equals_sign,l", "step(1)", "more", "one step more", writes=True),
    Action("dials", "type", "enter", "type", "type", "type a value, such as 20 or 500ms", 4, writes=True),
    Action("dials", "batch_size", "b", "choose('batch_size')", "batch size", "go to the batch size"),
    Action("dials", "delay", "d", "choose('delay')", "delay", "go to the delay"),
    Action("dials", "concurrency", "c", "choose('concurrency')", "concurrency", "go to the concurrency"),
    Action("log", "older", "pageup", "log(-1)", "older", "mark an older event"),
    Action("log", "newer", "pagedown", "log(1)", "newer", "mark a newer event"),
    Action("log", "oldest", "home", "log(-1000000)", "oldest", "mark the oldest event"),
    Action("log", "follow", "end", "log_follow", "follow", "follow the newest events again"),
    *_rows("failures", "cause or item"),
    Action("failures", "open", "enter,right,l", "open", "items", "show the items of the marked cause", 1),
    Action("failures", "retry", "r", "retry", "retry kind", "try again what failed in that way", 2, writes=True),
    Action("failures", "copy", "y", "copy", "copy", "copy the marked cause or item", 3),
    Action("failures", "anew", "R", "anew", "read anew", "read the failures once more", 5),
    Action("failures", "back", "escape,left,h", "back", "back", "up to the causes, or to the job", 4),
    *_rows("history", "change"),
    Action("history", "undo", "enter,u", "undo", "back to before this", "undo the marked change alone", 1, writes=True),
    Action("history", "copy", "y", "copy", "copy", "copy the marked change", 2),
    Action("history", "back", "escape,H", "back", "back", "back to the job", 3),
    *_rows("jobs", "job"),
    Action("jobs", "open", "enter,right,l", "open", "open", "open the job", 1),
    Action("jobs", "leave", "escape", "app.ask_quit", "leave", "leave; jobs go on", 8),
    Action("presets", "up", "up,k", "cursor(-1)", "up", "the preset above", 1),
    Action("presets", "down", "down,j", "cursor(1)", "down", "the preset below", 2),
    Action("presets", "load", "enter", "load", "load", "load it: every value at right changes", 3),
    Action("presets", "close", "escape,p,q,ctrl+c", "close", "close", "change nothing", 4),
    Action("question", "up", "up,k", "cursor(-1)", "up", "the answer above"),
    Action("question", "down", "down,j", "cursor(1)", "down", "the answer below"),
    Action("question", "take", "enter", "take", "take", "take the marked answer"),
    Action("question", "leave", "l", "answer('l')", "leave", "leave the job running"),
    Action("question", "drain", "d", "answer('d')", "drain", "drain the job"),
    Action("question", "cancel", "x", "answer('x')", "cancel", "cancel the job"),
    Action("question", "yes", "y", "answer('y')", "yes", "yes, do it"),
    Action("question", "stay", "escape,n,q,ctrl+c", "stay", "stay", "change nothing and go back"),
    Action("typing", "take", "enter", "submit", "take", "take the value", 1),
    Action("typing", "leave", "escape", "leave_typing", "leave", "leave the dial as it is", 2),
    Action("typing", "quit", "ctrl+c", "app.ask_quit", "quit", "leave; asks what becomes of a job"),
    Action("help", "up", "up,k", "scroll(-1)", "up", "a line up"),
    Action("help", "down", "down,j", "scroll(1)", "down", "a line down", 1),
    Action("help", "page_up", "pageup,b", "page(-1)", "page up", "a page up"),
    Action("help", "page_down", "pagedown,space", "page(1)", "page", "a page down", 2),
    Action("help", "top", "home", "scroll(-1000000)", "top", "to the top"),
    Action("help", "bottom", "end", "scroll(1000000)", "bottom", "to the end"),
    Action("help", "close", "escape,q,question_mark,f1,ctrl+c", "close", "close", "close the help", 3),
    Action("anywhere", "palette", "ctrl+p", "command_palette", "all", "all actions and colour themes, by name", 10),
    Action("anywhere", "help", "question_mark,f1", "help", "help", "this help", 7),
    Action("anywhere", "quit", "q,ctrl+c,ctrl+q", "ask_quit", "quit", "leave; asks what becomes of a job", 8),
)


def of(*places: Where) -> Iterator[Action]:
    """Yield the actions of these places, in the table's order."""
    return (action for action in ACTIONS if action.where in places)


def bindings(*places: Where) -> list[BindingType]:
    """Return the bindings of these places, rebindable by id."""
    return [
        Binding(action.keys, action.method, action.label, id=action.id, show=False, tooltip=action.help)
        for action in of(*places)
    ]
