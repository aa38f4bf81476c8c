"""What the preparation of rows costs: seconds, and the most memory, each in a process of its own.

    python bench/prepare.py [--texts 100000] [--rows 1000000] [--quick]

150 long documents become about 9,000 chunks, of which those that say nothing, or the same as another, are dropped; the
near-duplicates among short texts are found, of which a fifth differ in one word from another; and many rows are put in
the order of a field. Memory is what the process took more than before it began, with the texts read from a file.
"""

import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.prepare import Tally
from batchtop.engine.preparespec import (
    ChunkSpec,
    DuplicatesSpec,
    FilterSpec,
    PrioritySpec,
    SampleSpec,
    StepSpec,
)
from batchtop.engine.rows import rows_of
from batchtop.engine.taskspec import ChatSpec
from ratios import Row, arguments, keep, row, tell

DOCUMENTS = 150
SECTIONS = 56
NOTICE = "This text is given as it is, for whoever can use it, and without any promise that it holds."
SYLLABLES = [one + other for one in "bdklmnrs" for other in "aeio"]


class Cost(NamedTuple):
    """What a preparation took, and how many rows each of its steps left."""

    seconds: float
    megabytes: float
    rows: list[int]


def words(luck: random.Random, count: int) -> list[str]:
    return ["".join(luck.choices(SYLLABLES, k=luck.randint(1, 4))) for _ in range(count)]


def paragraph(luck: random.Random, vocabulary: list[str], sentences: int) -> str:
    return " ".join(
        " ".join(luck.choices(vocabulary, k=luck.randint(8, 16))).capitalize() + "." for _ in range(sentences)
    )


def document(luck: random.Random, vocabulary: list[str], sections: int = SECTIONS) -> str:
    """Return paragraphs, with the rules and notices between them that real documents have."""
    parts = [paragraph(luck, vocabulary, luck.randint(5, 8)) for _ in range(sections)]
    for _ in range(max(1, sections // 25)):
        parts.insert(luck.randrange(len(parts)), "* * *")
        parts.insert(luck.randrange(len(parts)), NOTICE)
    return "\n\n".join(parts)


def documents(count: int = DOCUMENTS, sections: int = SECTIONS) -> Iterator[dict[str, object]]:
    luck = random.Random(5)
    vocabulary = words(luck, 3_000)
    for number in range(count):
        yield {"id": f"doc-{number:03}", "title": f"Document {number}", "text": document(luck, vocabulary, sections)}


def short_texts(count: int) -> Iterator[dict[str, object]]:
    """Yield texts of 10 to 30 words; a fifth are another one with one word changed."""
    luck = random.Random(6)
    vocabulary = words(luck, 20_000)
    texts: list[list[str]] = []
    for number in range(count):
        text = luck.choices(vocabulary, k=luck.randint(10, 30))
        if texts and luck.random() < 0.2:
            text = [*luck.choice(texts)]
            text[luck.randrange(len(text))] = luck.choice(vocabulary)
        texts.append(text)
        yield {"id": number, "text": " ".join(text)}


def many_rows(count: int) -> Iterator[dict[str, object]]:
    luck = random.Random(7)
    for number in range(count):
        yield {"id": number, "text": f"This is row {number} of a file that has very many", "stars": luck.randint(1, 5)}


def measure(path: Path, steps: tuple[StepSpec, ...]) -> Cost:
    task = ChatSpec("m", "{text}")
    tally = Tally()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    for _ in rows_of(JobSpec("bench", InputSpec(str(path), "id"), task, prepare=steps), tally=tally):
        pass
    seconds = time.perf_counter() - begun
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Cost(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit, tally.rows)


def cost_of(folder: Path, rows: Iterator[dict[str, object]], steps: tuple[StepSpec, ...]) -> Cost:
    path = folder / "rows.jsonl"
    with path.open("w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(measure, (path, steps))


def row_of(what: str, cost: Cost) -> Row:
    made, left = cost.rows[0], cost.rows[-1]
    return row(f"prepare: {what}", cost.seconds, "s", note=f"{cost.megabytes:.0f} MB, {made:,} → {left:,} rows")


Measure: TypeAlias = tuple[Iterator[dict[str, object]], tuple[StepSpec, ...]]


def measures(texts: int, rows: int) -> dict[str, Measure]:
    """Return rows and what is done with them, by what that is called."""
    chunks = FilterSpec("text", match=r"\w"), DuplicatesSpec(("text",))
    return {
        "documents": (documents(), (ChunkSpec("text", 900, by="paragraph"), *chunks)),
        "documents, by tokens": (documents(), (ChunkSpec("text", 250, 25, "o200k_base"), *chunks)),
        "nearly the same": (short_texts(texts), (DuplicatesSpec(("text",), near=0.8),)),
        "the same": (short_texts(texts), (DuplicatesSpec(("text",)),)),
        "by language": (many_rows(texts // 20), (FilterSpec("text", languages=("en",)),)),
        "nothing, to compare": (many_rows(rows), ()),
        "by expression": (many_rows(rows), (FilterSpec(where="stars >= 3"),)),
        "the same, many": (many_rows(rows), (DuplicatesSpec(("text",)),)),
        "in another order": (many_rows(rows), (PrioritySpec("stars"),)),
        "a sample": (many_rows(rows), (SampleSpec(n=1_000),)),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.quick:
        options.texts, options.rows = 2_000, 20_000
    found: dict[str, Cost] = {}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for what, (made, steps) in measures(options.texts, options.rows).items():
            found[what] = cost_of(Path(name), made, steps)
            rows += tell([row_of(what, found[what])])
    keep("prepare", {what: cost._asdict() for what, cost in found.items()}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
