"""The config file: strict, told by file and key, and its keys checked against the table of actions."""

import tomllib
from pathlib import Path

import pytest
from batchtop.cli.config import VARIABLE, Config, config_path, load_config
from batchtop.cli.keymap import keymap
from batchtop.engine.errors import UsageError
from batchtop.tui.actions import ACTIONS

from .shell import Shell
from .terminal import Terminal


def written(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config({VARIABLE: str(path)})


def test_without_a_file_all_is_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "batchtop" / "config.toml"
    assert load_config({}) == Config(path)
    assert load_config({VARIABLE: ""}) == Config(None)
    assert config_path({VARIABLE: "~/x.toml"}) == Path.home() / "x.toml"


def test_a_folder_that_can_not_be_looked_into_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", f"/{'x' * 300}")
    assert load_config({}).written == frozenset()


def test_a_file_asked_for_by_name_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml: can't be read: No such file"):
        load_config({VARIABLE: str(tmp_path / "mine.toml")})


def test_everything_in_the_file_is_read(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        """
        theme = "batchtop-light"
        ascii = true
        refresh = 2
        read_only = true
        [keys]
        "job.pause" = "P"
        job.drain = "Q"
        [notify]
        bell = true
        desktop = false
        hook = "notify-send batchtop"
        """,
    )
    plain, notify = found.plain, found.notify
    assert (plain.theme, plain.ascii, plain.refresh, plain.read_only) == ("batchtop-light", True, 2.0, True)
    assert (notify.bell, notify.desktop, notify.hook) == (True, False, "notify-send batchtop")
    assert found.keys == {"job.pause": "P", "job.drain": "Q"}
    assert {"theme", "notify.hook", "keys.job.drain"} <= found.written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("theem = 'x'", "theem: unknown key; did you mean 'theme'?"),
        ("[notify]\nbel = true", "notify.bel: unknown key; did you mean 'bell'?"),
        ("theme = 3", "theme: expected a text, found a whole number"),
        ("ascii = 'yes'", "ascii: expected true or false, found a text"),
        ("refresh = 0.1", "refresh: 0.1 is not from 0.25 to 10 s"),
        ("refresh = 11", "refresh: 11 is not from 0.25 to 10 s"),
        ("refresh = nan", "refresh: nan is not from 0.25 to 10 s"),
        ("keys = 'space'", "keys: expected a table, as in [keys]"),
        ("[keys]\n'job.pause' = 3", "keys.job.pause: expected keys in a text"),
        ("[keys]\na.b.c = 'x'", "keys.a.b: expected keys in a text"),
        ("[notify]\nhook = ['a']", "notify.hook: expected a text, found a list"),
        ("theme = 'x'\nascii = ", "line 2"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_key(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        written(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path / 'config.toml'}: {told}")


# ── keys ──


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"job.pause": "P"}, {"job.pause": "P"}),
        ({"job.pause": " P , f5 "}, {"job.pause": "P,f5"}),
        ({"job.pause": "!"}, {"job.pause": "exclamation_mark"}),
        ({"results.copy": "ä,ctrl+g,comma"}, {"results.copy": "ä,ctrl+g,comma"}),
        ({"anywhere.help": "?"}, {"anywhere.help": "question_mark"}),
        ({"job.pause": "p", "job.presets": "space"}, {"job.pause": "p", "job.presets": "space"}),
        ({"failures.copy": "f"}, {"failures.copy": "f"}),
        ({"wizard.quit": "Q"}, {"wizard.quit": "Q"}),
        ({"help.close": "q,X"}, {"help.close": "q,X"}),
    ],
)
def test_keys_become_those_of_textual(wanted: dict[str, str], expected: dict[str, str]) -> None:
    assert keymap(wanted, Path("c.toml")) == expected


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"job.pauze": "P"}, "keys.job.pauze: there is no such action; did you mean 'job.pause'?"),
        ({"job.pause": ""}, "keys.job.pause: a key is missing"),
        ({"job.pause": "P,"}, "keys.job.pause: a key is missing"),
        ({"job.pause": "spacebar"}, "'spacebar' is no key; did you mean 'space'?"),
        ({"job.pause": "foo bar"}, "'foo bar' is no key"),
        ({"job.pause": "ctrl+b"}, "'ctrl+b' can't be used: tmux takes it"),
        ({"job.pause": "ctrl+m"}, "'ctrl+m' can't be used: terminals send enter for it"),
        ({"job.pause": "alt+p"}, "'alt+p' can't be used: many terminals, and tmux, do not pass it on"),
        ({"job.pause": "ctrl+enter"}, "'ctrl+enter' can't be used"),
        ({"job.pause": "f11"}, "'f11' can't be used: terminals fill the screen with it"),
        ({"job.pause": "<any>"}, "'<any>' is no key"),
        ({"job.pause": "D"}, "keys: D is for job.pause (pause; again: resume) and for job.drain ("),
        ({"job.pause": "up"}, "keys: up is for job.pause (pause; again: resume) and for dials.up ("),
        ({"job.pause": "z", "job.drain": "z"}, "keys: z is for job.pause"),
        ({"wizard.onward": "n"}, "keys.wizard.onward: 'n' can't be used: it is typed into the fields there"),
        ({"wizard.take": "space"}, "keys.wizard.take: 'space' can't be used: it is typed"),
        ({"typing.take": "!"}, "keys.typing.take: 'exclamation_mark' can't be used: it is typed"),
        ({"job.pause": "q"}, "keys: q is for job.pause (pause; again: resume) and for anywhere.quit ("),
    ],
)
def test_keys_that_can_not_work_are_refused(wanted: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as raised:
        keymap(wanted, Path("c.toml"))
    assert str(raised.value).startswith("c.toml: keys")
    assert told in str(raised.value)


def test_the_keys_that_are_there_may_all_be_written_down() -> None:
    all_keys = {action.id: action.keys for action in ACTIONS}
    assert keymap(all_keys, None) == all_keys


# ── as people use it ──


async def test_the_command_tells_what_is_in_force_and_from_where(shell: Shell) -> None:
    shell.write("my.toml", 'refresh = 1\n[keys]\n"job.pause" = "P"\n[notify]\nhook = "true"\n')
    env = {VARIABLE: "my.toml", "TEXTUAL_THEME": "nord"}
    ended = await shell.run("config", env=env)
    rows = {line.split()[0]: line.split()[1:3] for line in ended.out.splitlines() if line.strip()}
    assert (ended.code, ended.err) == (0, "")
    assert rows["refresh"] == ["1", "config"]
    assert rows["theme"] == ['"nord"', "TEXTUAL_THEME"]
    assert rows["ascii"] == ["false", "default"]
    assert rows["notify.hook"] == ['"true"', "config"]
    assert rows["keys.job.pause"] == ["P", "config"]
    assert "file: my.toml" in ended.out


async def test_all_keys_are_listed_ready_to_paste(shell: Shell) -> None:
    shell.write("my.toml", '[keys]\n"job.pause" = "P"\n')
    ended = await shell.run("config", "--keys", env={VARIABLE: "my.toml"})
    listed = tomllib.loads(ended.out)["keys"]
    assert listed == {action.id: action.keys for action in ACTIONS} | {"job.pause": "P"}
    assert keymap(listed, None) == listed


async def test_a_wrong_file_is_told_before_anything_starts(shell: Shell) -> None:
    shell.job("http://127.0.0.1:1/v1", rows=1)
    path = shell.folder / "home" / "config" / "batchtop" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("theme = 'batchtop-lihgt'")
    with Terminal(shell, "run", "job.toml") as terminal:
        assert await terminal.end() == 2
        assert "theme: there is no theme 'batchtop-lihgt'; did you mean 'batchtop-light'?" in terminal.text
    assert shell.state() is None
    path.write_text("[notify]\nhok = 'true'")
    ended = await shell.headless()
    assert ended.code == 2
    assert "notify.hok: unknown key" in ended.err
    assert shell.state() is None
