"""Users' functions found and called: what they are given, what of theirs is told, what can't be had."""

import asyncio
import math
import sys
import textwrap

import msgspec
import pytest
from batchtop.engine.errors import TaskError
from batchtop.engine.outcome import Outcome
from batchtop.engine.taskspec import PythonSpec
from batchtop.engine.transports import Request, TransportError
from batchtop.engine.transports.python import PythonTransport
from batchtop.engine.transports.python.call import Caller
from batchtop.engine.transports.python.function import find_function, mode_of

TWO = [{"n": 1, "x": "a"}, {"n": 2, "y": None}]


def called(function, takes, items):
    return msgspec.json.decode(Caller(function, takes).call(msgspec.json.encode(items)))


@pytest.fixture
def module(tmp_path):
    """Write a module and return its folder; what importing it leaves behind is taken back."""
    before = list(sys.path)

    def write(text, name="words.py"):
        (tmp_path / name).write_text(textwrap.dedent(text))
        return str(tmp_path)

    yield write
    sys.path[:] = before


def spec(folder, call="words:f", **more):
    return PythonSpec(call=call, path=folder, **more)


def test_each_way_to_be_given_items():
    assert called(lambda item: item["n"] + 1, "item", TWO[:1]) == [{"output": 2}]
    assert called(lambda items: [item["n"] for item in items], "batch", TWO) == [{"output": 1}, {"output": 2}]
    seen = []
    called(lambda columns: seen.append(columns) or columns["n"], "columns", TWO)
    assert seen == [{"n": [1, 2], "x": ["a", None], "y": [None, None]}]


def test_an_entry_that_is_an_exception_or_no_json_fails_alone():
    first, second, third = called(lambda items: [ValueError("no"), 1, object()], "batch", [{}] * 3)
    assert first["error"] == "ValueError: no"
    assert second == {"output": 1}
    assert "of type object" in third["error"]


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), MemoryError()],
    ids=repr,
)
async def test_nothing_that_a_function_raises_ends_the_engine(error):
    def plain(item):
        raise error

    async def waits(item):
        raise error

    for call in (
        lambda: asyncio.to_thread(Caller(plain, "item").call, b"[{}]"),
        lambda: Caller(waits, "item").call_async(b"[{}]"),
    ):
        with pytest.raises(TransportError) as raised:
            await call()
        assert raised.value.outcome is Outcome.BAD_ITEM
        assert type(error).__name__ in str(raised.value)


def test_the_place_is_the_last_one_in_the_users_own_file(module):
    folder = module(
        """
        import json
        def f(item):
            return inner(item)
        def inner(item):
            return json.loads(item["text"])
        """
    )
    caller = Caller(find_function(spec(folder)), "item")
    with pytest.raises(TransportError, match=r"^JSONDecodeError: Expecting value.* \(words\.py:6\)$"):
        caller.call(b'[{"text": "no json"}]')


def test_a_function_of_c_is_called_too():
    with pytest.raises(TransportError, match=r"^TypeError: must be real number, not dict$"):
        called(math.sqrt, "item", [{}])


def test_what_is_printed_goes_to_standard_error(module, capsys):
    folder = module(
        """
        import sys
        print('imported')
        def f(item):
            print('called')
            sys.stdout.writelines(['again\\n'])
        """
    )
    called(find_function(spec(folder)), "item", [{}])
    sys.stdout.write("data\n")
    assert capsys.readouterr() == ("data\n", "imported\ncalled\nagain\n")


# ── what can't be had ──


@pytest.mark.parametrize(
    ("text", "call", "part"),
    [
        ("", "wrods:f", "ModuleNotFoundError: No module named 'wrods'"),
        ("", "words.inner:f", "ModuleNotFoundError: No module named 'words.inner'"),
        ("", "words:f", "there is no 'f' in the module words"),
        ("class F: pass", "words:F.f", "there is no 'f' in"),
        ("f = 3", "words:f", "it is no function, but a value of type int"),
        ("import nothing_such", "words:f", "No module named 'nothing_such' (words.py:1)"),
        ("def f(:", "words:f", "SyntaxError: invalid syntax (words.py, line 1)"),
        ("\n1 / 0", "words:f", "ZeroDivisionError: division by zero (words.py:2)"),
        ("import sys\nsys.exit(3)", "words:f", "SystemExit: 3 (words.py:2)"),
    ],
)
def test_a_function_that_can_not_be_had_is_one_line_with_the_cause(module, text, call, part):
    with pytest.raises(TaskError) as raised:
        find_function(spec(module(text), call))
    line = str(raised.value)
    assert line.startswith(f"task.call: {call} can't be used: ")
    assert part in line
    assert "\n" not in line


def test_a_file_that_another_module_hides_is_told(module):
    folder = module("def f(item): pass", "random.py")
    with pytest.raises(TaskError, match=r"random\.py is hidden by a module of the same name"):
        find_function(spec(folder, "random:f"))


PLAIN = "def f(item): pass"
WAITING = "async def f(item): pass"
OBJECT = "class F:\n    async def __call__(self, item): pass\nf = F()"


@pytest.mark.parametrize(
    ("function", "mode", "found"),
    [(PLAIN, None, "thread"), (PLAIN, "process", "process"), (WAITING, None, "async"), (OBJECT, None, "async")],
)
def test_a_function_runs_where_it_is_to(module, function, mode, found):
    task = spec(module(function), mode=mode)
    assert mode_of(task, find_function(task)) == found


@pytest.mark.parametrize(
    ("function", "mode", "told"),
    [
        (PLAIN, "async", "a plain function, so it can't be 'async': set 'thread' or 'process'"),
        (WAITING, "thread", "an async function, so it can't be 'thread': set 'async'"),
        (WAITING, "process", "an async function, so it can't be 'process': set 'async'"),
    ],
)
def test_a_function_that_can_not_run_where_it_is_to_is_told(module, function, mode, told):
    task = spec(module(function), mode=mode)
    with pytest.raises(TaskError) as raised:
        mode_of(task, find_function(task))
    assert str(raised.value) == f"task.mode: words:f is {told}"


def test_the_next_run_reads_the_module_again_and_leaves_others_alone(module, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "words.py").write_text("def f(item): return 'of the other folder'")
    folder = module("def f(item): return 'first'")
    first = find_function(spec(folder))
    module("def f(item): return 'second, and longer'")
    assert [find_function(each)({}) for each in (spec(folder), spec(str(tmp_path / "other")), spec(folder))] == [
        *("second, and longer", "of the other folder", "second, and longer"),
    ]
    assert first({}) == "first"
    assert sys.modules["msgspec"] is msgspec


def test_where_a_program_finds_its_own_modules_stays_as_it_was(module, monkeypatch):
    folder = module("import sys\nsys.path.insert(0, '/of/the/module')\ndef f(item): pass")
    monkeypatch.setattr(sys, "path", [folder, "/else"])
    find_function(spec(folder))
    assert sys.path == ["/of/the/module", folder, "/else"]
    monkeypatch.setattr(sys, "path", ["/else"])
    find_function(spec(folder))
    assert sys.path[-1] == folder


# ── in threads ──


async def test_blocking_calls_are_as_many_at_once_as_are_sent(module):
    folder = module(
        """
        from threading import Barrier
        together = Barrier(50)
        def f(item):
            together.wait(30)
        """
    )
    transport = PythonTransport(spec(folder))
    answers = await asyncio.gather(*(transport.send(Request("", b"[{}]"), timeout_s=30) for _ in range(50)))
    assert {answer.body for answer in answers} == {b'[{"output":null}]'}
    await transport.aclose()


async def test_a_call_that_hangs_in_a_thread_gives_its_place_back(module):
    folder = module(
        """
        from threading import Event
        end = Event()
        def f(item):
            item.get("hang") and end.wait(30)
        """
    )
    transport = PythonTransport(spec(folder))
    for _ in range(3):
        with pytest.raises(TransportError, match=r"took longer than 0\.01 s") as raised:
            await transport.send(Request("", b'[{"hang": true}]'), timeout_s=0.01)
        assert raised.value.outcome is Outcome.TIMEOUT
    assert (await transport.send(Request("", b"[{}]"), timeout_s=30)).body == b'[{"output":null}]'
    sys.modules["words"].end.set()
    await transport.aclose()
