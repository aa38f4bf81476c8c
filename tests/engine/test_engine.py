"""Whole jobs in a workspace file: run, steered through the commands table, stopped, and run again."""

import asyncio
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import pytest
from batchtop.engine import Engine
from batchtop.engine.ending import End
from batchtop.engine.errors import AuthError, UsageError, WorkspaceError
from batchtop.engine.job import OutputSpec
from batchtop.engine.limits.breaker import Breaker
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.snapshot import JobState
from batchtop.engine.store.commands import send, withdraw
from batchtop.engine.store.lock import WorkspaceBusyError
from batchtop.engine.testing import answered, refused
from batchtop.engine.transports import Response

from .desk import Desk, answer_to, asked_for, failing
from .http_server import Peer, serve
from .workshop import chat, embeddings, job_of, lines_of, numbered, rows_of, until, write_rows

KEYS = {"KEY": "tok_good"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class TestRunning:
    async def test_a_job_from_its_input_to_its_output_and_nothing_sent_twice(self, desk: Desk):
        assert await desk.run() == End(JobState.FINISHED, "", 0)
        desk.check(100)
        assert {line["id"]: line["output"] for line in lines_of(desk.output)}[7] == "TEXT 7"
        assert await desk.run() == End(JobState.FINISHED, "", 0)
        assert set(desk.sent.values()) == {1}
        desk.check(100)
        job = desk.snapshot().job
        assert (job.state, job.requests, job.tokens_in, job.tokens_out) == (JobState.FINISHED, 100, 1000, 500)
        samples = desk.snapshot().samples
        assert sum(sample.items for sample in samples) == sum(sample.requests for sample in samples) == 100
        assert sum(sample.latency.total for sample in samples) == 100
        assert sum(sample.span_s for sample in samples) == pytest.approx(job.active_s)
        assert desk.snapshot().engine is None
        assert "input: 100 items" in desk.told()

    async def test_what_fails_is_recorded_and_only_a_passing_cause_is_tried_again(self, desk: Desk):
        desk.provider.answer = failing("text 3")
        spec = desk.job(max_attempts=1)
        assert (await desk.run(spec)).exit_code == 1
        desk.check(100, 3)
        (failure,) = lines_of(desk.failures)
        assert failure == {
            "id": 3,
            "status": "failed",
            "error": {"kind": "bad_item", "message": "HTTP 400: refused with 400"},
            "attempts": 1,
        }
        desk.rows(101)
        desk.provider.answer = failing("text 100", status=500)
        assert (await desk.run(spec)).exit_code == 1
        desk.check(101, 3, 100)
        desk.provider.answer = answered
        assert (await desk.run(spec)).exit_code == 1
        desk.check(101, 3)
        assert desk.sent["text 3"] == 1
        assert "trying 1 item again that failed for a passing cause" in desk.told()

    async def test_a_changed_row_is_sent_again_alone_and_its_old_line_goes(self, desk: Desk):
        await desk.run()
        rows = numbered(100)
        rows[7]["text"] = "other"
        write_rows(desk.input, rows)
        assert (await desk.run()).exit_code == 0
        desk.check(100)
        assert (len(desk.provider.asked), desk.sent["other"]) == (101, 1)
        assert {line["id"]: line["output"] for line in lines_of(desk.output)}[7] == "OTHER"
        assert (await desk.run(desk.job(task=chat(prompt="Judge {text}")))).exit_code == 0
        desk.check(100)
        assert len(desk.provider.asked) == 201

    async def test_what_was_answered_once_is_not_paid_twice(self, desk: Desk):
        await desk.run()
        lines = sorted(desk.output.read_text().splitlines())
        other = desk.job(task=chat(prompt="Judge {text}"))
        for count, spec in ((100, other), (1, desk.job()), (1, other), (100, other), (100, desk.job())):
            desk.rows(count)
            assert (await desk.run(spec)).exit_code == 0
            desk.check(count)
            assert len(desk.provider.asked) == 200
        assert sorted(desk.output.read_text().splitlines()) == lines

    async def test_a_run_without_the_output_file_leaves_it_this_jobs(self, desk: Desk):
        await desk.run()
        desk.rows(101)
        before = desk.output.read_bytes()
        assert (await desk.run(desk.job(output=OutputSpec()))).exit_code == 0
        assert desk.output.read_bytes() == before
        desk.rows(102)
        assert (await desk.run()).exit_code == 0
        assert desk.output.read_bytes().startswith(before)
        desk.check(102)

    async def test_two_jobs_never_write_one_output(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
            end = await engine.run(desk.job(name="other", output=OutputSpec(str(desk.output))))
            assert (end.exit_code, end.reason) == (2, f"{desk.output}: is the output of job job; choose another output")
            desk.provider.gate.set()
            assert (await engine.wait("job")).exit_code == 0
        desk.check(100)

    async def test_jobs_share_an_engine_and_none_takes_another_down(self, desk: Desk, tmp_path: Path):
        twice = write_rows(tmp_path / "twice.jsonl", [*numbered(3000), {"id": 7, "text": "again"}])
        async with desk.engine() as engine:
            good, bad, other = await asyncio.gather(
                engine.run(desk.job()),
                engine.run(job_of(twice, chat(prompt="{text}"), name="bad")),
                engine.run(job_of(desk.input, embeddings(), name="other")),
            )
        assert (good.exit_code, bad.exit_code, other.exit_code) == (0, 2, 0)
        assert bad.state is JobState.STOPPED
        assert "line 3001: the id 7 was used before, on line 8" in bad.reason
        assert len(lines_of(desk.output)) == 100
        assert desk.snapshot().job.left == desk.snapshot("other").job.left == 0

    async def test_asking_twice_for_a_job_at_once_runs_it_once(self, desk: Desk):
        async with desk.engine() as engine:
            ends = await asyncio.gather(*(engine.run(desk.job()) for _ in range(4)))
        assert {end.exit_code for end in ends} == {0}
        desk.check(100)
        assert set(desk.sent.values()) == {1}

    async def test_one_engine_a_workspace(self, desk: Desk):
        async with desk.engine():
            with pytest.raises(WorkspaceBusyError, match="runs on this workspace"):
                await desk.run()

    async def test_over_real_http_from_csv_to_vectors(self, desk: Desk, tmp_path: Path):
        rows = tmp_path / "rows.csv"
        rows.write_text("id,text\n" + "".join(f"n{number},text {number}\n" for number in range(300)))
        async with Simulator(Behaviour(latency_ms=5)) as provider:
            spec = job_of(rows, embeddings(provider.base_url, dimensions=4), batch_size=64, output=desk.job().output)
            async with Engine(desk.workspace) as engine:
                assert (await engine.run(spec)).exit_code == 0
            assert sorted(arrival.items for arrival in provider.arrivals) == [44, 64, 64, 64, 64]
        lines = lines_of(desk.output)
        assert {line["id"] for line in lines} == {f"n{number}" for number in range(300)}
        assert {len(line["output"]) for line in lines} == {4}

    async def test_with_four_requests_in_ten_failing_every_item_is_done_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ):
        """Over real connections: 429, 500, a reset, half an answer."""
        monkeypatch.setattr("batchtop.engine.retry.BASE_S", 0.02)
        draws = Random(7)
        good = b'{"choices":[{"message":{"content":"yes"}}]}'

        async def provider(peer: Peer) -> None:
            while await peer.request():
                match draws.choices(["good", "429", "500", "half", "reset"], [6, 1, 1, 1, 1])[0]:
                    case "good":
                        await peer.answer(good)
                    case "429":
                        await peer.answer(b"{}", status="429 Slow Down", head="Retry-After: 0.02\r\n")
                    case "500":
                        await peer.answer(b"{}", status="500 Oh No")
                    case "half":
                        await peer.answer(good[:20])
                    case _:
                        return peer.reset()
            return None

        desk.rows(300)
        async with serve(provider) as server, Engine(desk.workspace) as engine:
            spec = desk.job(task=chat(f"http://{server.origin}/v1", prompt="{text}"), max_attempts=100, concurrency=6)
            assert await engine.run(spec) == End(JobState.FINISHED, "", 0)
        desk.check(300)
        assert {"overloaded", "connection", "rate_limited"} <= set(desk.snapshot().job.errors)


class TestSteering:
    async def test_pausing_and_going_on(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            await engine.submit(desk.job(concurrency=2))
            assert not (await asked_for(desk, "resume")).applied
            await until(lambda: desk.provider.in_flight >= 3)
            assert (await asked_for(desk, "pause")).message == "paused"
            begun = asyncio.get_running_loop().time()
            desk.provider.gate.set()
            await until(lambda: not desk.provider.in_flight)
            sent = len(desk.provider.asked)
            await until(lambda: desk.snapshot().job.done == sent)
            refusal = await asked_for(desk, "pause")
            assert (refusal.applied, refusal.message) == (False, "job is paused, not running")
            assert len(desk.provider.asked) == sent < 100
            assert (desk.snapshot().job.state, desk.snapshot().job.reason) == (JobState.PAUSED, "paused by ann")
            paused_s = asyncio.get_running_loop().time() - begun
            assert (await asked_for(desk, "resume")).applied
            assert (await engine.wait("job")).exit_code == 0
        assert set(desk.sent.values()) == {1}
        whole_s = sum(sample.span_s for sample in desk.snapshot().samples)
        assert desk.snapshot().job.active_s <= whole_s - paused_s, "however short a pause was, it is no running time"

    @pytest.mark.parametrize(("verb", "state"), [("drain", JobState.DRAINED), ("cancel", JobState.CANCELLED)])
    async def test_ending_early_leaves_a_job_that_can_go_on(self, desk: Desk, verb: str, state: JobState):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            await engine.submit(desk.job(concurrency=2))
            await until(lambda: desk.provider.in_flight >= 3)
            assert (await asked_for(desk, verb)).applied
            if verb == "drain":
                assert desk.snapshot().job.state is JobState.DRAINING
                desk.provider.gate.set()
            end = await engine.wait("job")
            assert desk.provider.in_flight == 0
        job, sent = desk.snapshot().job, len(desk.provider.asked)
        assert (end.state, end.exit_code) == (state, 130)
        assert end.reason == job.reason == f"{job.left} items left; run the job again to continue"
        assert job.done == (sent if verb == "drain" else 0)
        desk.provider.gate.set()
        assert (await desk.run()).exit_code == 0
        desk.check(100)
        assert len(desk.provider.asked) == 100 + (sent if verb == "cancel" else 0)

    async def test_a_job_that_is_told_to_end_before_it_has_begun_is_not_done(self, desk: Desk):
        async with desk.engine() as engine:
            (await engine.submit(desk.job())).drain("on second thoughts")
            assert (await engine.wait("job")).exit_code == 130
        assert desk.snapshot().job.state is JobState.DRAINED
        assert (await desk.run()).exit_code == 0
        desk.check(100)

    async def test_leaving_the_engine_ends_its_jobs_in_good_order(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
        assert (desk.snapshot().job.state, desk.snapshot().job.exit_code) == (JobState.CANCELLED, 130)

    async def test_live_changes_act_are_on_record_and_survive_unless_asked_for_anew(self, desk: Desk):
        desk.provider.gate.clear()
        desk.rows(20)
        spec = desk.job(batch_size=1, concurrency=1)
        async with desk.engine() as engine:
            await engine.submit(spec)
            await until(lambda: desk.provider.in_flight == 1)
            assert (await asked_for(desk, "set", concurrency="3", delay="50ms")).applied
            await until(lambda: desk.provider.in_flight == 3)
            assert (await asked_for(desk, "preset", name="aggressive/discovery")).message == (
                "preset aggressive/discovery: batch_size 1 → 100, concurrency 3 → 2"
            )
            shot = desk.snapshot()
            assert [(change.who, change.key, change.old, change.new) for change in shot.changes][:2] == [
                ("ann", "concurrency", 1, 3),
                ("ann", "delay", 0.0, 0.05),
            ]
            settings, origins = shot.dials.settings, shot.dials.origins
            assert (settings.batch_size, settings.concurrency) == (100, 2)
            assert origins["batch_size"] == "preset aggressive/discovery"
            assert origins["rpm"] == "default"
            assert "concurrency 1 → 3 (live: ann)" in desk.told()
            assert (await asked_for(desk, "undo", batch_size=1)).message == "batch_size 100 → 1"
            shot = desk.snapshot()
            assert (shot.changes[-1].who, shot.dials.origins["batch_size"]) == ("ann, undo", "live: ann, undo")
            assert (await asked_for(desk, "set", rpm=60_000)).applied
            await (engine.job("job")).cancel("enough")
            await engine.wait("job")
        desk.provider.gate.set()
        async with desk.engine() as engine:
            await engine.submit(spec, wishes=["batch_size"])
            await engine.wait("job")
        dials = desk.snapshot().dials
        assert (dials.settings.batch_size, dials.origins["batch_size"]) == (1, "job file")
        assert (dials.settings.concurrency, dials.settings.rpm) == (2, 60_000)
        assert dials.origins["rpm"] == "live: ann"

    async def test_running_a_job_again_while_it_runs_changes_only_what_is_asked_for(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            runner = await engine.submit(desk.job(concurrency=1))
            await until(lambda: desk.provider.in_flight)
            assert await engine.submit(desk.job(concurrency=2, delay=9), wishes=["concurrency"]) is runner
            await until(lambda: desk.snapshot().dials.settings.concurrency == 2)
            assert desk.snapshot().dials.settings.delay == 0
            runner.drain("enough")
            with pytest.raises(UsageError, match="still answering what is in flight"):
                await engine.submit(desk.job())
            desk.provider.gate.set()
            await engine.wait("job")

    async def test_running_a_job_again_while_it_ends_by_itself_waits_for_its_end(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            runner = await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
            desk.provider.gate.set()
            while not runner.finishing:  # noqa: ASYNC110 (its last commit is on the way for a few turns only)
                await asyncio.sleep(0)
            again = engine.submit(desk.job())
            assert await again is not runner
            assert (await engine.wait("job")).exit_code == 0
        assert desk.snapshot().job.state is JobState.FINISHED

    async def test_what_cannot_be_done_is_refused_with_the_reason(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
            for verb, args, told in (
                ("explode", {}, "unknown command 'explode'; it can be: run, set, undo, preset, pause"),
                ("set", {"concurency": 3}, "unknown key 'concurency'; did you mean 'concurrency'"),
                ("set", {"concurrency": 0}, "set: concurrency = 0 is not a whole number from 1 to 4,096"),
                ("set", {"cost": 5}, "cost = 5 can't be kept without prices"),
                ("preset", {"name": "agressive"}, "unknown preset 'agressive'; did you mean 'aggressive'"),
                ("run", {}, "run: malformed arguments"),
                ("run", {"spec": {"name": "x", "input": 3}}, "run: malformed arguments"),
                ("run", {"spec": msgspec.to_builtins(desk.job(name="x", speed=9))}, "unknown key 'speed'"),
                ("run", {"spec": msgspec.to_builtins(desk.job(name="x", task=chat(prompt="{")))}, "has no partner"),
                (
                    "run",
                    {"spec": msgspec.to_builtins(desk.job(name="x", task=chat(api_key_env=("NO",))))},
                    "no API key",
                ),
            ):
                refusal = await asked_for(desk, verb, **args)
                assert not refusal.applied
                assert told in refusal.message
                assert refusal.exit_code
            assert "no job named 'y' is running here" in (await asked_for(desk, "pause", job="y")).message
            desk.provider.gate.set()
            assert (await engine.wait("job")).exit_code == 0
            assert desk.snapshot().dials.settings.concurrency == 4

    @pytest.mark.parametrize("args", ["", "{", "[1]", "null", '"text"'])
    async def test_a_row_that_somebody_wrote_badly_is_refused_and_harms_nobody(self, desk: Desk, args: str):
        async with desk.engine() as engine:
            with closing(sqlite3.connect(desk.workspace)) as db:
                query = "INSERT INTO commands (job, verb, args, who, at) VALUES ('job', 'set', ?, 'a script', 0)"
                number = db.execute(query, (args,)).lastrowid
                db.commit()
            refusal = await answer_to(desk, number or 0)
            assert "set: malformed arguments" in refusal.message
            engine.check()

    async def test_a_job_handed_over_runs_and_one_withdrawn_does_not(self, desk: Desk):
        spec = msgspec.to_builtins(desk.job())
        await asyncio.to_thread(withdraw, desk.workspace, send(desk.workspace, "job", "run", {"spec": spec}, "ann"))
        async with desk.engine() as engine:
            with pytest.raises(UsageError, match="no job named 'job'"):
                engine.job("job")
            assert (await asked_for(desk, "run", spec=spec, wishes=[])).message == "job runs"
            assert (await engine.wait("job")).exit_code == 0
            number = send(desk.workspace, "job", "run", {"spec": spec}, "ann")
            await answer_to(desk, number)
            assert not withdraw(desk.workspace, number), "the engine has looked at it"
            await engine.wait("job")
        desk.check(100)


class TestStopping:
    async def test_a_budget_stops_the_job_before_it_is_spent(self, desk: Desk):
        task = chat(prompt="{text}", price_in=1000, price_out=1000, max_tokens=10)
        end = await desk.run(desk.job(task=task, cost=0.5))
        job = desk.snapshot().job
        assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
        assert f"the budget is used up: ${job.cost:.4f} spent" in end.reason
        assert 0.3 < (job.cost or 0) <= 0.5
        assert job.done == len(desk.provider.asked)
        assert (await desk.run(desk.job(task=task, cost=10))).exit_code == 0
        desk.check(100)

    async def test_an_engine_that_drains_starts_nothing_and_takes_nothing(self, desk: Desk):
        async with desk.engine() as engine:
            coming = asyncio.create_task(engine.submit(desk.job()))
            await asyncio.sleep(0)
            engine.drain("enough")
            await coming
            assert (await engine.wait("job")).exit_code == 130
            with pytest.raises(UsageError, match="is stopping"):
                await engine.submit(desk.job())
        assert desk.provider.asked == []

    async def test_a_job_that_is_ending_is_not_taken_for_one_that_runs(self, desk: Desk):
        desk.provider.gate.clear()
        async with desk.engine() as engine:
            runner = await engine.submit(desk.job())
            while not desk.provider.in_flight:  # noqa: ASYNC110 (a real engine, and nothing tells of it)
                await asyncio.sleep(0.005)
            runner.drain("enough")
            with pytest.raises(UsageError, match="run it again when that is done"):
                await engine.submit(desk.job())
            desk.provider.gate.set()
            assert (await engine.wait("job")).exit_code == 130
            await engine.submit(desk.job())
            assert (await engine.wait("job")).exit_code == 0
        desk.check(100)

    async def test_leaving_the_engine_as_a_job_ends_leaves_no_half_written_end(self, desk: Desk):
        for turn in range(10):
            async with desk.engine() as engine:
                runner = await engine.submit(desk.job(name=f"job{turn}", output=OutputSpec()))
                while not runner.finishing:  # noqa: ASYNC110 (the very moment is wanted)
                    await asyncio.sleep(0)
            assert desk.snapshot(f"job{turn}").job.state is JobState.FINISHED

    async def test_a_revoked_key_fails_no_item_and_a_good_one_finishes_the_job(self, desk: Desk):
        spec = desk.job(task=chat(prompt="{text}", api_key_env=("KEY", "SPARE")))
        desk.provider.answer = lambda asked: answered(asked) if asked.key == "tok_good" else refused(401)
        end = await desk.run(spec, {"KEY": "tok_revoked_1"})
        job = desk.snapshot().job
        assert (end.state, end.exit_code) == (JobState.STOPPED, 4)
        assert "the server refused the request" in end.reason
        assert (job.done, job.failed, job.left) == (0, 0, 100)
        assert [lane.state for lane in desk.snapshot().lanes] == ["refused"]
        assert len(desk.provider.asked) <= 5
        assert (await desk.run(spec, {"KEY": "tok_revoked_1", "SPARE": "tok_good"})).exit_code == 0
        desk.check(100)
        assert "tok_" not in "".join(map(str, rows_of(desk.workspace, "SELECT * FROM events")))

    async def test_the_same_engine_goes_on_when_the_key_is_good_again(self, desk: Desk):
        environment = {"KEY": "tok_revoked_1"}
        spec = desk.job(task=chat(prompt="{text}", api_key_env=("KEY",)))
        desk.provider.answer = lambda asked: answered(asked) if asked.key == "tok_good" else refused(401)
        async with desk.engine(environment) as engine:
            assert (await engine.run(spec)).exit_code == 4
            environment["KEY"] = "tok_good"
            assert (await engine.run(spec)).exit_code == 0

    async def test_without_a_key_nothing_begins(self, desk: Desk):
        with pytest.raises(AuthError, match="no API key: KEY or SPARE is not set in the environment of the engine"):
            await desk.run(desk.job(task=chat(api_key_env=("KEY", "SPARE"))), {"KEY": ""})

    async def test_an_unreachable_server_stops_the_job_with_the_reason(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setitem(Breaker.__init__.__kwdefaults__, "give_up_new_s", 0.5)
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        async with Engine(desk.workspace) as engine:
            end = await engine.run(desk.job(task=chat(f"http://127.0.0.1:{port}/v1", prompt="{text}")))
        assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
        assert f"no request has gone well for 0.5 s; last error: 127.0.0.1:{port}" in end.reason
        assert desk.snapshot().job.left == 100

    @pytest.mark.parametrize("content", ["", '{"id": 1}\n{"id": '])
    async def test_an_input_that_cannot_be_read_stops_the_job(self, desk: Desk, content: str):
        desk.input.write_text(content)
        end = await desk.run()
        assert (end.state, end.exit_code) == (JobState.STOPPED, 2)
        assert str(desk.input) in end.reason

    async def test_a_foreign_output_stops_the_job_and_stays_as_it_is(self, desk: Desk):
        desk.output.write_text("my notes\n")
        for rows in (100, 101):  # a changed input must not make it ours either
            desk.rows(rows)
            end = await desk.run()
            assert (end.state, end.exit_code) == (JobState.STOPPED, 2)
            assert f"{desk.output}: holds something this job did not write" in end.reason
            assert desk.output.read_text() == "my notes\n"
        assert not desk.provider.asked

    async def test_a_job_that_cannot_write_its_output_is_not_finished(self, desk: Desk):
        desk.provider.answer = failing("text 3")
        end = await desk.run(desk.job(output=OutputSpec(str(desk.output), "/dev/full")))
        assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
        assert "No space left on device" in end.reason
        assert desk.snapshot().job.reason == end.reason
        assert (await desk.run()).exit_code == 1
        desk.check(100, 3)


class TestFailing:
    """What must never happen surfaces: nothing hangs, and nothing says that it was well."""

    async def test_a_bug_in_a_task(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("batchtop.engine.tasks.chat.ChatTask.read", lambda *_: 1 / 0)
        async with desk.engine() as engine:
            with pytest.raises(ZeroDivisionError):
                await engine.run(desk.job())
        job = desk.snapshot().job
        assert (job.state, job.reason) == (JobState.STOPPED, "internal error: ZeroDivisionError('division by zero')")
        assert job.exit_code == 3

    async def test_an_item_that_cannot_be_read_back(self, desk: Desk):
        desk.provider.gate.clear()
        desk.rows(5000)
        async with desk.engine() as engine:
            await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
            await engine._writer.run(
                lambda db: db.execute("UPDATE payloads SET payload = x'00' WHERE row > 4000") and None
            )
            desk.provider.gate.set()
            with pytest.raises(msgspec.DecodeError):
                await engine.wait("job")
        assert desk.snapshot().job.state is JobState.STOPPED

    async def test_a_database_that_cannot_be_written(self, desk: Desk):
        desk.provider.gate.clear()
        desk.rows(3000)
        async with desk.engine() as engine:
            await engine.submit(desk.job())
            await until(lambda: desk.provider.in_flight)
            await engine._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1") and None)
            desk.provider.gate.set()
            with pytest.raises(WorkspaceError, match="database or disk is full"):
                async with asyncio.timeout(10):
                    await engine.wait("job")
            with pytest.raises(WorkspaceError, match="database or disk is full"):
                engine.check()
        assert (await desk.run()).exit_code == 0
        desk.check(3000)
        assert set(desk.sent.values()) <= {1, 2}

    async def test_a_number_of_tokens_that_no_column_holds(self, desk: Desk):
        body = b'{"choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":1e300,"completion_tokens":-5}}'
        desk.provider.answer = lambda _: Response(200, {}, body)
        assert (await desk.run()).exit_code == 0
        desk.check(100)


async def test_an_output_that_is_no_file_takes_the_results_and_keeps_none(desk: Desk):
    spec = desk.job(output=OutputSpec("/dev/null"))
    assert (await desk.run(spec)).exit_code == 0
    assert (await desk.run(spec)).exit_code == 0
    assert sum(desk.sent.values()) == 100
