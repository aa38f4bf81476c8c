"""Compressed files are read as what is in them, and one that is cut off or damaged is told, never half believed."""

import bz2
import gzip
import json
import lzma
import sys
from contextlib import suppress

import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec
from batchtop.engine.source import open_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

try:
    from compression import zstd
except ImportError:
    from backports import zstd

CHECKED = {zstd.CompressionParameter.checksum_flag: 1}
"""As the program zstd does."""
PACK = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: zstd.compress(content, options=CHECKED),
}
ROWS = [{"id": number, "text": f"row {number * 7919 % 1000}"} for number in range(300)]
JSONL = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
CSV = b"id,text\n" + b"".join(f"{row['id']},{row['text']}\n".encode() for row in ROWS)


def read(path, **spec):
    return [row.fields for row in open_source(InputSpec(path=str(path), **spec))]


@pytest.fixture(params=PACK)
def ending(request):
    return request.param


def test_what_is_compressed_is_read_as_what_it_is(tmp_path, ending):
    for name, content in (("a.jsonl", JSONL), ("b.csv", CSV), ("c.txt", b"x\ny\n"), ("D.JSONL", JSONL)):
        (tmp_path / f"{name}{ending}").write_bytes(PACK[ending](content))
    assert read(tmp_path / f"a.jsonl{ending}") == read(tmp_path / f"D.JSONL{ending}") == ROWS
    assert read(tmp_path / f"b.csv{ending}")[-1] == {"id": "299", "text": ROWS[-1]["text"]}
    assert read(tmp_path / f"c.txt{ending}") == [{"text": "x"}, {"text": "y"}]
    assert read(tmp_path / f"c.txt{ending}", format="text")[0]["text"] == "x\ny\n"


def test_parts_one_behind_the_other_are_one_file(tmp_path, ending):
    (tmp_path / f"a.jsonl{ending}").write_bytes(PACK[ending](JSONL) + PACK[ending](b'{"id": 300}\n'))
    assert read(tmp_path / f"a.jsonl{ending}")[-1] == {"id": 300}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_file_that_is_cut_off_is_told_wherever_that_is(tmp_path, ending, data):
    whole = PACK[ending](JSONL)
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InputError, match=r"a\.jsonl\.\w+: (is cut off|is damaged|has no rows)"):
        read(path, bad_rows="reject")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_file_is_told_or_read_as_it_was(tmp_path, ending, data):
    damaged = bytearray(PACK[ending](JSONL))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(damaged)
    found = ROWS
    with suppress(InputError):
        found = read(path)
    assert found == ROWS


def test_a_file_that_is_not_compressed_is_told(tmp_path, ending):
    (tmp_path / f"a.jsonl{ending}").write_bytes(JSONL)
    with pytest.raises(InputError, match="is damaged, or not compressed as its name says"):
        read(tmp_path / f"a.jsonl{ending}")


def test_progress_is_told_in_bytes_of_the_disk(tmp_path, ending):
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(PACK[ending](JSONL * 20))
    heard = []
    assert sum(1 for _ in open_source(InputSpec(path=str(path)), at=heard.append)) == 6_000
    assert heard == sorted(heard)
    assert heard[-1] == path.stat().st_size


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.db.zst"])
def test_what_is_read_here_and_there_is_to_be_unpacked_first(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f"{name}: unpack it first"):
        read(tmp_path / name, query="SELECT 1" if "db" in name else None)


def test_without_its_library_what_to_install_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl.zst").write_bytes(b"")
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'batchtop\[zstd\]'"):
        read(tmp_path / "a.jsonl.zst")
