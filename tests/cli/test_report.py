"""`batchtop report` fits its width, is plain where nobody looks at it, and can't be broken by what servers say."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from batchtop.cli.report.account import MESSAGES_SHOWN, Account, failed
from batchtop.cli.report.facts import report_facts
from batchtop.cli.report.html import MARK, report_html
from batchtop.cli.report.markup import element
from batchtop.cli.report.text import Look, report_text
from batchtop.cli.report.timeline import timeline
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.reader import CHANGES_SHOWN
from batchtop.engine.store.results import Failures

from ..tui.fake_source import ended, samples, snapshot
from .shell import OUT, Shell

HOSTILE = "</td><script>alert(1)</script>\x1b[31m\x1b]0;title\x07 & <b>\u202e"


def account(*, seconds: int = 185, groups: int = 3) -> Account:
    shot = ended(reason=HOSTILE)
    made = samples(seconds=seconds)
    told = failed(Failures(f"kind_{i % 2}", f"{HOSTILE} {i}", i + 1, 3, i) for i in range(groups))
    job = replace(shot.job, name=f"job {HOSTILE}", model=HOSTILE, input=HOSTILE, cost=4.2)
    return Account(replace(shot, job=job, samples=made), timeline(made, shot.changes), told, ("in.jsonl",))


class Checked(HTMLParser):
    """Knows what is open, and refuses what does not fit."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(page: str) -> Checked:
    parser = Checked()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("charset", ["braille", "block", "ascii"])
def test_a_plain_report_fits_its_width_and_has_no_escapes(width: int, charset: str) -> None:
    text = report_text(account(), Look(width=width, colour=False, charset=charset))  # type: ignore[arg-type]
    assert max(map(len, text.splitlines())) <= width
    assert all(character.isprintable() for line in text.splitlines() for character in line)
    if charset == "ascii":
        assert text.isascii()
    for part in ("items/s over the time running", "latency of requests", "rate limited, ", "concurrency 4 "):
        assert part in text


def test_colour_is_for_those_who_look() -> None:
    assert "\x1b[" in report_text(account(), Look(width=80, colour=True, charset="braille"))


def test_a_page_is_well_formed_and_hostile_texts_are_texts() -> None:
    page = report_html(account())
    found = checked(page)
    assert found.seen.isdisjoint({"script", "b", "link", "img", "iframe"})
    assert "<script>alert(1)</script>" in found.text
    assert not set("\x1b\x07\u202e") & set(page)
    assert "://" not in found.text.replace(account().job.url, "")
    assert page.splitlines()[1] == MARK


def test_the_facts_are_json_with_all_that_is_told() -> None:
    told = json.loads(json.dumps(report_facts(account())))
    assert sum(point["items"] for point in told["series"]) == sum(each.items for each in samples())
    assert [change["key"] for change in told["changes"]] == ["concurrency", "concurrency", "delay"]
    assert told["failures"] == {"kind_0": 4, "kind_1": 2}
    assert told["failure_messages"][0]["items"] == 3
    assert set(told["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert told["cost_per_1000_items_usd"] == pytest.approx(4200 / told["done"])


@pytest.mark.parametrize("write", [lambda it: report_text(it, Look(80, colour=False, charset="braille")), report_html])
@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_a_job_that_has_hardly_run_has_a_report(write: Callable[[Account], str], seconds: int) -> None:
    assert "settings in force" in write(account(seconds=seconds, groups=0)).lower()


def test_a_running_job_is_told_up_to_now() -> None:
    shot = snapshot()
    running = Account(shot, timeline(shot.samples, shot.changes), failed(()), ())
    assert "to now" in report_text(running, Look(80, colour=False, charset="braille"))
    assert running.wall_s == shot.taken_at - (shot.job.started_at or 0)


@pytest.mark.parametrize("write", [lambda it: report_text(it, Look(120, colour=False, charset="braille")), report_html])
def test_what_was_not_asked_and_what_may_have_been_billed_is_told_where_there_is_any(
    write: Callable[[Account], str],
) -> None:
    made = account()
    counted = replace(made.snapshot, job=replace(made.job, cached=1_234, unsure=1))
    told = write(replace(made, snapshot=counted))
    for part in ("1,234 items with the answer of an equal one", "1 item may have been billed though no answer is kept"):
        assert part in told
        assert part not in write(made)


def test_only_the_most_frequent_messages_are_kept() -> None:
    told = failed(Failures("timeout", str(i), i, i, i) for i in range(100))
    assert told.kinds == {"timeout": 4950}
    assert [group.items for group in told.messages] == list(range(99, 99 - MESSAGES_SHOWN, -1))


def test_no_text_gets_out_of_its_element() -> None:
    made = element("p", '<i> & "x"\x1b[1m', element("b", "<"), class_='"><script>')
    assert made == '<p class="&quot;&gt;&lt;script&gt;">&lt;i&gt; &amp; &quot;x&quot;<b>&lt;</b></p>'


# ── the command ──


@pytest.fixture
async def ran(shell: Shell, provider: Simulator) -> Shell:
    """Have a job that has run, one item of which failed."""
    provider.behaviour = Behaviour(poison="item 3")
    shell.job(provider.base_url, rows=9, output=OUT)
    assert (await shell.headless()).code == 1
    return shell


async def test_every_change_is_told_however_many_there_are(ran: Shell) -> None:
    with closing(connect(ran.folder / "batchtop.db")) as db:
        db.execute("BEGIN")
        for number in range(CHANGES_SHOWN + 5):
            db.execute("INSERT INTO changes (job, at, who, key, old, new) VALUES (1, ?, 'ann', 'rpm', 1, 2)", (number,))
        db.execute("COMMIT")
    changes = json.loads((await ran.run("report", "job", "--json")).out)["changes"]
    assert [change["time"] for change in changes] == list(range(CHANGES_SHOWN + 5))
    assert f"the last 30 of {(CHANGES_SHOWN + 5 + 1) // 2}" in (await ran.run("report", "job")).out


async def test_a_job_is_told_as_text_as_json_and_as_a_page(ran: Shell) -> None:
    text = await ran.run("report", "job")
    assert (text.code, text.err) == (0, "")
    assert "8 done, 1 failed, 0 left of 9" in text.out
    assert "\x1b" not in text.out
    assert max(map(len, text.out.splitlines())) <= 80
    told = json.loads((await ran.run("report", "job", "--json")).out)
    assert (told["done"], told["failures"], sum(point["items"] for point in told["series"])) == (8, {"bad_item": 1}, 8)
    for _ in range(2):  # the second takes the place of the first
        page = await ran.run("report", "job", "--html", "report.html")
        assert (page.code, page.out) == (0, "")
    checked((ran.folder / "report.html").read_text())
    assert not list(ran.folder.glob("*.part"))
    checked((await ran.run("report", "job", "--html", "-")).out)


REFUSED = {
    "in.jsonl": "belongs to the job",
    "./out.jsonl": "belongs to the job",
    "batchtop.db": "belongs to the job",
    "batchtop.db-wal": "belongs to the job",
    "batchtop.db.lock": "belongs to the job",
    "notes.html": "no report",
    "report.html": "report.html.part: holds something that is no report",
    "home": "is a folder",
    "/dev/null": "no regular file",
    "gone/report.html": "cannot be written",
}


async def test_what_is_no_earlier_report_is_kept(ran: Shell) -> None:
    ran.write("notes.html", "<!doctype html><p>mine")
    ran.write("report.html.part", "mine too")
    before = {path: path.read_bytes() for path in ran.folder.glob("*") if _kept(path)}
    for name, why in REFUSED.items():
        told = await ran.run("report", "job", "--html", name)
        assert (told.code, told.out) == (2, ""), name
        assert why in told.err
    assert {path: path.read_bytes() for path in ran.folder.glob("*") if _kept(path)} == before


def _kept(path: Path) -> bool:
    return path.is_file() and path.suffix not in {".db-shm", ".db-wal"}
