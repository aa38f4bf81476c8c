"""`batchtop doctor`: one real item is answered and shown, or the first thing that is wrong is told."""

import socket

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import CHAT, EMBEDDINGS, Shell

KEY = "swordfish-4711"


async def test_a_good_job_is_well_and_costs_one_request(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(keys=(KEY,), rpm=600, tpm=90_000)
    prices = "max_tokens = 20\nprice_in = 1\nprice_out = 2"
    shell.job(provider.base_url, rows=40, keys='"MY_KEY"', task=f"{CHAT}\n{prices}")
    ended = await shell.run("doctor", "job.toml", env={"MY_KEY": KEY})
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["✓", word] for word in ("job", "input", "key", "model", "answer", "answer", "limits")
    ]
    for part in ("in.jsonl: 40 rows", "MY_KEY is set", "gpt-4o-mini is listed", "item 1: ", "600 requests"):
        assert part in ended.out
    assert [arrival.path for arrival in provider.arrivals] == ["/v1/models", "/v1/chat/completions"]
    assert provider.arrivals[-1].subjects == ("item 1",)
    assert not shell.db.exists()


async def test_embeddings_are_answered_too(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=40, task=EMBEDDINGS)
    ended = await shell.run("doctor", "job.toml")
    assert (ended.code, ended.err) == (0, "")
    assert "item 1: [" in ended.out
    assert [arrival.items for arrival in provider.arrivals] == [0, 1]


async def told(shell: Shell, code: int, *parts: str, env: dict[str, str] | None = None) -> None:
    """Run the doctor and check how it ends."""
    ended = await shell.run("doctor", "job.toml", env=env)
    assert ended.code == code, ended
    (line,) = ended.err.splitlines()
    assert line.startswith("batchtop: ")
    for part in parts:
        assert part in line
    assert KEY not in ended.out + ended.err


async def test_a_wrong_key_is_4(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(keys=("another",))
    shell.job(provider.base_url, rows=2, keys='"MY_KEY"')
    await told(shell, 4, "401", env={"MY_KEY": KEY})
    assert len(provider.arrivals) == 1


async def test_a_missing_key_is_4(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=2, keys='"MY_KEY"')
    for env in ({}, {"MY_KEY": ""}, {"MY_KEY": " \t"}):
        await told(shell, 4, "MY_KEY is not set", env=env)
    assert provider.arrivals == []


async def test_a_fallback_is_told_and_its_missing_key_is_4(shell: Shell, provider: Simulator) -> None:
    spare = '[[task.fallback]]\nbase_url = "https://spare.example/v1"\napi_key_env = ["SPARE_KEY"]\n'
    shell.job(provider.base_url, rows=2, limits=spare)
    await told(shell, 4, "SPARE_KEY is not set", "task.fallback[0].api_key_env")
    assert provider.arrivals == []
    ended = await shell.run("doctor", "job.toml", env={"SPARE_KEY": KEY})
    assert (ended.code, ended.err) == (0, "")
    assert "gpt-4o-mini at https://spare.example/v1 is not asked before it is needed" in ended.out
    assert KEY not in ended.out


async def test_of_two_keys_it_tells_which_one_was_checked(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(keys=(KEY,))
    shell.job(provider.base_url, rows=2, keys='"FIRST", "SECOND"')
    for env, line in (
        ({"FIRST": KEY, "SECOND": "wrong"}, "FIRST is set and is the one checked, not SECOND"),
        ({"FIRST": "  ", "SECOND": f"{KEY}\n"}, "SECOND is set and is the one checked, not FIRST"),
    ):
        ended = await shell.run("doctor", "job.toml", env=env)
        assert (ended.code, ended.err) == (0, "")
        assert line in ended.out


async def test_an_unknown_model_is_4(shell: Shell, provider: Simulator) -> None:
    path = shell.job(provider.base_url, rows=2)
    path.write_text(path.read_text().replace("gpt-4o-mini", "gpt-4o-mimi"))
    await told(shell, 4, "gpt-4o-mimi")
    assert len(provider.arrivals) == 2


async def test_a_server_that_is_not_there_is_3(shell: Shell) -> None:
    with socket.socket() as nobody:  # bound and not listening: refused
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        shell.job(url, rows=2)
        await told(shell, 3, f"{url} can't be reached")


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("SSL_CERT_FILE", "/nonexistent.pem", "SSL_CERT_FILE=/nonexistent.pem: can't be used (No such file"),
        ("ALL_PROXY", "socks5://me:swordfish@127.0.0.1:1", "ALL_PROXY: a proxy is of the form http://host:port"),
        ("HTTP_PROXY", "ftp://me:swordfish@127.0.0.1:1", "HTTP_PROXY: a proxy is of the form"),
    ],
)
async def test_an_environment_that_no_client_can_use_is_2(
    variable: str, value: str, part: str, shell: Shell, provider: Simulator
) -> None:
    shell.job(provider.base_url, rows=2)
    ended = await shell.run("doctor", "job.toml", env={variable: value})
    assert ended.code == 2, ended
    (line,) = ended.err.splitlines()
    assert part in line
    assert "swordfish" not in line


async def test_a_server_that_never_answers_is_3_as_soon_as_the_job_would_give_up(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the system accepts, nobody reads
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        shell.job(url, rows=2, settings="timeout = 0.3")
        await told(shell, 3, f"{url} has not answered within 0.3 s")


async def test_a_server_that_fails_is_3(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(error_rate=1.0)
    shell.job(provider.base_url, rows=2)
    await told(shell, 3, "the first item was not answered")
    assert len(provider.arrivals) == 2, "one try is enough to know"


async def test_a_missing_field_is_2(shell: Shell, provider: Simulator) -> None:
    path = shell.job(provider.base_url, rows=2)
    path.write_text(path.read_text().replace("{text}", "{txet}"))
    await told(shell, 2, "in.jsonl", "'txet'", "id, text")
    assert provider.arrivals == []


async def test_an_item_that_is_refused_is_2(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(context_tokens=1)
    shell.job(provider.base_url, rows=2)
    await told(shell, 2, "bad item", "The context holds 1 tokens")


async def test_a_bad_row_further_on_is_2(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url)
    shell.write("in.jsonl", '{"id": 1, "text": "a"}\n{"id": 2, "text": \n')
    await told(shell, 2, "in.jsonl, line 2")
    assert provider.arrivals == []
