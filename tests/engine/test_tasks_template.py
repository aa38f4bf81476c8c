"""Templates put fields into a text, and say where a brace is wrong."""

import json

import pytest
from batchtop.engine.tasks.template import UnfitError, compile_template
from hypothesis import given
from hypothesis import strategies as st

ITEM = {"text": "50% off", "n": 7, "tags": ["a", "b"], "a field: odd": None, "100%": "all", "ok": True}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Classify: {text}", "Classify: 50% off"),
        ("{text}{n}{n}", "50% off77"),
        ("no field, 100 % plain", "no field, 100 % plain"),
        ('Answer as {{"label": "{n}"}}', 'Answer as {"label": "7"}'),
        ("{{{n}}}", "{7}"),
        ("{tags} {ok}", '["a","b"] true'),
        ("{a field: odd}", "null"),
        ("{100%}%s %d", "all%s %d"),
        ("", ""),
    ],
)
def test_fields_are_put_in_and_nothing_else_is_special(template, rendered):
    assert compile_template(template).render(ITEM) == rendered


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("ab {text", "'{' at character 4"),
        ("ab } cd", "'}' at character 4"),
        ("{text}}", "'}' at character 7"),
        ("{a{b}}", "'{' at character 1"),
        ("x {} y", "'{' at character 3, near 'x {} y', names no field"),
    ],
)
def test_a_brace_without_its_partner_is_told_with_its_position(template, told):
    with pytest.raises(ValueError, match="character") as caught:
        compile_template(template)
    assert told in str(caught.value)


def test_a_missing_field_is_told_with_the_fields_there_are():
    with pytest.raises(UnfitError, match=r"no field 'body' in this item: it has text, n"):
        compile_template("{body}").render({"text": "", "n": 1})
    with pytest.raises(UnfitError, match="it has none"):
        compile_template("{body}").render({})


names = st.text(min_size=1).filter(lambda name: not set(name) & set("{}"))
values = st.text() | st.integers() | st.lists(st.booleans())


@given(st.lists(st.tuples(st.text(), names, values)), st.text())
def test_any_text_can_be_written_and_any_name_used(parts, end):
    def escaped(text):
        return text.replace("{", "{{").replace("}", "}}")

    fields = {name: value for _, name, value in parts}
    template = "".join(f"{escaped(text)}{{{name}}}" for text, name, _ in parts) + escaped(end)
    shown = {name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
             for name, value in fields.items()}  # fmt: skip
    wanted = "".join(text + shown[name] for text, name, _ in parts) + end
    assert compile_template(template).render(fields) == wanted
