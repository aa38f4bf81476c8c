"""The third step: what is said to the model, with a preview of what a row makes of it."""

from collections.abc import Mapping
from dataclasses import replace
from textwrap import wrap

from textual.app import ComposeResult
from textual.events import DescendantFocus
from textual.widgets import TextArea

from ...engine.text import clean
from ..newjob.draft import as_field, template_problem, unknown_fields
from ..newjob.preview import preview, preview_lines
from ..widgets.fields import TextEditor
from ..widgets.painted import Painted
from ..words.line import Line, line
from .pick import Option, PickScreen
from .wizard_step import Step, Wizard

_PROMPT: str = "Classify the sentiment of this review as positive, negative or mixed: {text}"


class PromptStep(Step):
    """Two editors, for embeddings one, and the preview."""

    heading = "Prompt"
    about = "Sent for each item; {field} is its value, {{ a brace."

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(wizard)
        charset = wizard.board.charset
        self.system = TextEditor("Answer in one word.", id="system")
        self.prompt = TextEditor(_PROMPT, id="prompt")
        self.system_label = Painted(charset=charset)
        self.prompt_label = Painted(charset=charset)
        self.fields_line = Painted(charset=charset, id="fields")
        self.sent = Painted(charset=charset, classes="panel", id="sent")
        self.editor = self.prompt
        """The one that had the cursor last."""
        self.row = 0

    def compose(self) -> ComposeResult:
        """Yield the editors, what the fields are, and the preview."""
        yield self.system_label
        yield self.system
        yield self.prompt_label
        yield self.prompt
        yield self.fields_line
        yield self.sent

    def order(self) -> list[TextEditor]:
        """Return the editors for this kind of task."""
        return [self.system, self.prompt] if self.wizard.draft.kind == "chat" else [self.prompt]

    def enter(self) -> None:
        """Show the draft."""
        draft = self.wizard.draft
        self.system.put(draft.system)
        self.prompt.put(draft.prompt)
        is_chat = draft.kind == "chat"
        self.system.display = self.system_label.display = is_chat
        self.system_label.paint([line(("system", "strong"), ("  said before each prompt; may be left empty", "dim"))])
        about = "what each item becomes" if is_chat else "of which each vector is made"
        self.prompt_label.paint([line(("prompt" if is_chat else "text", "strong"), (f"  {about}", "dim"))])
        self.screen.set_focus(self.prompt)
        self.call_after_refresh(self.draw)

    def hindrance(self) -> str:
        """Return what keeps the texts from being sent at all."""
        return template_problem(self.wizard.draft)

    def does(self, action: str) -> bool:
        """Return whether a key does something; enter, up and down belong to the editor."""
        return action not in {"take", "move"} and (action != "row" or self._rows > 1)

    @property
    def _rows(self) -> int:
        return len(self.wizard.found.sample) if self.wizard.found else 0

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Show what the texts come to."""
        event.stop()
        self.gather()
        self.draw()

    def gather(self) -> None:
        """Take the texts into the draft."""
        draft = replace(self.wizard.draft, system=self.system.text, prompt=self.prompt.text)
        if draft != self.wizard.draft:
            self.wizard.change(draft)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Know where a field is to be put."""
        self.editor = self.system if event.widget is self.system else self.prompt

    def next_row(self) -> None:
        """Preview another row of the sample."""
        self.row = (self.row + 1) % max(1, self._rows)
        self.draw()

    def insert(self) -> None:
        """Pick a field, and put it where the cursor is."""

        def picked(text: str | None) -> None:
            if text:
                self.editor.insert(text)

        fields = self.wizard.found.fields.values() if self.wizard.found else ()
        options = [Option(text, each.name, each.example) for each in fields if (text := as_field(each.name))]
        board = self.wizard.board
        board.ask(PickScreen("Insert a field", options, "", board.charset), picked)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show the fields, or what is wrong with those named, and what is sent for a row."""
        width, height = self.sent.size
        self.fields_line.paint(self._fields_lines(max(20, self.fields_line.size.width)))
        row: Mapping[str, object] = {}
        if self.wizard.found and self.row < self._rows:
            row = self.wizard.found.sample[self.row]
        lines = preview_lines(preview(self.wizard.draft, row), width)
        if len(lines) > height > 0:
            lines = [*lines[: height - 1], line((f"… {len(lines) - height + 1} more lines", "dim"))]
        self.sent.border_title = f"Sent for row {self.row + 1} of the first {self._rows}"
        self.sent.paint(lines)

    def _fields_lines(self, cells: int) -> list[Line]:
        wrong = unknown_fields(self.wizard.draft, self.fields)
        if wrong:
            return [line((f"✕ {clean(each, 300)}", "warn")) for each in wrong[:2]]
        named = " ".join(text for name in self.fields if (text := as_field(name)))
        told = wrap(f"fields: {clean(named, 1_000)}", cells, max_lines=2, placeholder=" …")
        return [line((text, "dim")) for text in told]
