"""The second step: who is asked, with which key, and what else a job has to say."""

from collections.abc import Mapping
from dataclasses import replace
from textwrap import wrap
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.widgets import Input

from ...engine.taskspec import OPENAI_URL
from ...engine.text import clean
from ..newjob.draft import ENTRIES, KEY_TYPED, KINDS, Draft, Entry, holds_key, problem
from ..widgets.fields import PickField, TextField
from ..widgets.painted import Painted
from ..words.line import Line, line
from .pick import Option, PickScreen
from .presets import labels, values_of
from .wizard_step import Step, Wizard

_PICKED: Final = ("kind", "id", "preset")

_LABELS: Final[Mapping[Entry, str]] = {
    "kind": "task", "model": "model", "base_url": "server", "key_env": "key variable", "id": "item id",
    "name": "job name", "output": "answers to", "preset": "preset", "max_tokens": "max tokens",
    "price_in": "price in", "price_out": "price out",
}  # fmt: skip

_ABOUTS: Final[Mapping[Entry, str]] = {
    "kind": "chat: each item is answered in words. embeddings: each becomes a vector.",
    "model": "As the server spells it.",
    "base_url": "Where an OpenAI-compatible server answers, before /chat/completions: another provider's address,"
    " or one of this machine, as http://127.0.0.1:8000/v1.",
    "key_env": "The environment variable that holds the key; several, between spaces, share the work.",
    "id": "The field that tells items apart in the answers.",
    "name": "What the job is called here; its file is called the same.",
    "output": "A file of one JSON object a line, in the folder of the input unless you give another.",
    "preset": "How hard to push: batches, pauses and requests at once. Each can be changed while the job runs.",
    "max_tokens": "The longest answer allowed; a longer one is cut short.",
    "price_in": "USD for a million tokens sent; with it the plan can tell a cost.",
    "price_out": "USD for a million tokens answered; with it the plan can tell a cost.",
}


class TaskStep(Step):
    """A form, with a word about the field that has the cursor."""

    heading = "Task"
    about = "What is asked of whom? Only the model is needed."

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(wizard)
        charset = wizard.board.charset
        self.asked: dict[Entry, TextField | PickField] = {
            entry: PickField(charset=charset, id=entry) if entry in _PICKED else TextField(id=entry)
            for entry in ENTRIES
        }
        self.labels = {entry: Painted(charset=charset, classes="label") for entry in ENTRIES}
        self.help_text = Painted(charset=charset, classes="about")
        self.at: Entry = "model"

    def compose(self) -> ComposeResult:
        """Yield the form, and the word about a field."""
        for entry in ENTRIES:
            with Horizontal(classes="row", id=f"row-{entry}"):
                yield self.labels[entry]
                yield self.asked[entry]
        yield self.help_text

    def order(self) -> list[TextField | PickField]:
        """Return the fields for this kind of task."""
        return [self.asked[entry] for entry in self.wizard.draft.entries]

    def enter(self) -> None:
        """Show the draft."""
        for entry, field in self.asked.items():
            if isinstance(field, TextField):
                field.put(getattr(self.wizard.draft, entry))
        self.draw()
        self.screen.set_focus(self.asked[self.at if self.at in self.wizard.draft.entries else "model"])

    def hindrance(self) -> str:
        """Return the first problem, and go there."""
        for entry in self.wizard.draft.entries:
            if told := self._problem(entry):
                self.screen.set_focus(self.asked[entry])
                return f"{_LABELS[entry]}: {told}"
        return ""

    def _problem(self, entry: Entry) -> str:
        return clean(problem(self.wizard.draft, entry, self.fields))

    @property
    def verb(self) -> str:
        """What enter does."""
        return "choose" if self.at in _PICKED else "next"

    # What is typed and picked

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what follows from what is typed."""
        event.stop()
        self.gather()
        self.draw()

    def gather(self) -> None:
        """Take what is typed into the draft; a key is not kept."""
        typed = {entry: field.value for entry, field in self.asked.items() if isinstance(field, TextField)}
        draft = replace(self.wizard.draft, **typed)
        if is_key := holds_key(draft.key_env):
            self.asked["key_env"].put("")
            draft = replace(draft, key_env="")
        if draft != self.wizard.draft:
            self.wizard.change(draft)
        if is_key:
            self.wizard.say(f"✕ {KEY_TYPED}", "error")

    def take(self) -> bool:
        """Offer a list where one is to be picked from."""
        self._note_focus()
        if self.at not in _PICKED:
            return False
        self._pick(self.at)
        return True

    def on_pick_field_picked(self, message: PickField.Picked) -> None:
        """Offer the list of the field that was clicked."""
        self._pick(next(entry for entry, field in self.asked.items() if field is message.field))

    def _pick(self, entry: Entry) -> None:
        def picked(value: str | None) -> None:
            if value is not None:
                self.wizard.change(replace(self.wizard.draft, **{entry: value}))
                self.draw()
                self.tab(1)

        options = {"kind": self._kinds, "id": self._ids, "preset": self._presets}[entry]()
        board = self.wizard.board
        board.ask(PickScreen(_LABELS[entry], options, getattr(self.wizard.draft, entry), board.charset), picked)

    def _kinds(self) -> list[Option]:
        return [Option(kind, kind, about) for kind, about in KINDS.items()]

    def _ids(self) -> list[Option]:
        fields = self.wizard.found.fields.values() if self.wizard.found else ()
        return [Option("", "the row number"), *(Option(each.name, each.name, each.example) for each in fields)]

    def _presets(self) -> list[Option]:
        presets = self.wizard.board.presets()
        usable = [label for label in labels(presets) if values_of(presets, label)]
        return [
            Option("", "none", "the defaults"),
            *(Option(label, label, presets[label.partition("/")[0]].description) for label in usable),
        ]

    # What is shown

    def on_descendant_focus(self, _event: DescendantFocus) -> None:
        """Tell of the field that has the cursor now."""
        self._note_focus()
        self.draw()

    def _note_focus(self) -> None:
        for entry, field in self.asked.items():
            if field is self.screen.focused:
                self.at = entry

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show labels, defaults, and the word about the field at hand."""
        draft = self.wizard.draft
        for entry, field in self.asked.items():
            self.query_one(f"#row-{entry}").display = entry in draft.entries
            is_wrong = bool(getattr(draft, entry) and self._problem(entry))
            self.labels[entry].paint([line(("✕ " if is_wrong else "  ", "error"), _LABELS[entry])])
            if isinstance(field, TextField):
                field.placeholder = _default(draft, entry)
        self._put("kind", draft.kind, KINDS[draft.kind])
        self._put("id", draft.id or "the row number")
        self._put("preset", draft.preset or "none", "" if draft.preset else "the defaults")
        self.help_text.paint(self._help(max(20, self.help_text.size.width)))

    def _put(self, entry: Entry, value: str, about: str = "") -> None:
        field = self.asked[entry]
        if isinstance(field, PickField):
            field.put(clean(value, 100), about)

    def _help(self, cells: int) -> list[Line]:
        told = self._problem(self.at) if getattr(self.wizard.draft, self.at) else ""
        lines = [line((text, "error")) for text in wrap(f"✕ {told}", cells)] if told else []
        lines += [line((text, "dim")) for text in wrap(_ABOUTS[self.at], cells)]
        return [*lines, *self._keys_line()] if self.at in {"key_env", "base_url"} and not told else lines

    def _keys_line(self) -> list[Line]:
        """Return which keys there are; never one itself."""
        names = self.wizard.draft.keys
        if not names:
            return [line(("  no key is sent", "dim"))]
        has = {name: self.wizard.bench.has_key(name) for name in names}
        if any(has.values()):
            return [line(("✓ ", "ok"), f"{' and '.join(name for name in names if has[name])} is set")]
        return [line(("◇ ", "warn"), f"{' and '.join(names)} is not set here: export it before you start batchtop")]


def _default(draft: Draft, entry: Entry) -> str:
    """Return what an empty field stands for."""
    defaults: dict[Entry, str] = {
        "model": "as gpt-4o-mini" if draft.kind == "chat" else "as text-embedding-3-small",
        "base_url": OPENAI_URL,
        "key_env": " ".join(draft.default_keys) or "none",
        "output": f"{draft.name}.out.jsonl",
        "max_tokens": "no limit",
        "price_in": "unknown",
        "price_out": "unknown",
    }
    return defaults.get(entry, "")
