"""Damage to a WARC file, its cuts and its units: what is hit is said, and what lies beside it comes out."""

import base64
import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from stages.l0_collect.readers import record_source, warc_members
from stages.l0_collect.readers.warc import WarcSource
from tests.stages.l0_collect.readers.warc_files import (
    PACKINGS,
    http,
    noise,
    page,
    read,
    record,
)


def test_a_block_that_is_not_its_digest_is_quarantined(tmp_path: Path) -> None:
    data = record("http://a.test/1", http(), extra="WARC-Block-Digest: sha1:" + "A" * 32 + "\r\n")
    [outcome] = read(tmp_path / "a.warc", data)
    assert "WARC-Block-Digest" in outcome
    assert read(tmp_path / "a.warc", data, WarcSource(verify_digests=False)) == Counter(["http://a.test/1"])


@pytest.mark.parametrize(
    ("length", "kept"),
    [(30, "134"), (5000, "134"), (10**25, "134"), (10**9, "134")],
    ids=["too short", "into the next record", "absurd", "over the end of the file"],
)
def test_a_wrong_content_length_costs_one_record(tmp_path: Path, length: int, kept: str) -> None:
    data = page(1) + record("http://a.test/2", http(), length=length) + page(3, 3000) + page(4)
    outcomes = read(tmp_path / "a.warc", data)
    assert sum(f"a.warc@{len(page(1))} " in outcome for outcome in outcomes) == 1
    assert [f"http://a.test/{number}" for number in kept] == [outcome for outcome in outcomes if "@" not in outcome]


def test_truncation_is_never_silent(tmp_path: Path) -> None:
    members = [gzip.compress(page(number), mtime=0) for number in range(4)]
    plain = b"".join(page(number) for number in range(4))
    for cut in range(1, len(members[3]), 37):
        outcomes = read(tmp_path / "a.warc.gz", b"".join(members)[:-cut])
        assert outcomes.total() == 4
        assert sum("ends inside a gzip member" in outcome for outcome in outcomes) == 1
    for cut in (1, 2, 3):
        [*pages, last] = read(tmp_path / "a.warc", plain[:-cut]).elements()
        assert len(pages) == 4
        assert last == f"a.warc@{len(plain) - cut} the file ends inside the line ends that close its last record"
    for cut in range(5, len(page(3)), 37):
        outcomes = read(tmp_path / "a.warc", plain[:-cut])
        assert (outcomes.total(), sum("a.warc@" in outcome for outcome in outcomes)) == (4, 1)


def test_a_deleted_stretch_costs_what_it_touches(tmp_path: Path) -> None:
    data = b"".join(gzip.compress(page(number), mtime=0) for number in range(10))
    outcomes = read(tmp_path / "a.warc.gz", data[:3000] + data[6000:])
    assert sum("test/" in outcome and "@" not in outcome for outcome in outcomes) >= 6
    assert sum("@" in outcome for outcome in outcomes) >= 1


@pytest.mark.parametrize("unit_bytes", [700, 1500, 4000, 10**6])
def test_units_share_no_record_and_lose_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit_bytes: int) -> None:
    monkeypatch.setattr(record_source, "UNIT_BYTES", unit_bytes)
    data = bytearray(b"".join(gzip.compress(page(number), mtime=0) for number in range(30)))
    urls = Counter(f"http://a.test/{number}" for number in range(30))
    assert read(tmp_path / "a.warc.gz", bytes(data)) == urls
    data[5000] ^= 255
    outcomes = read(tmp_path / "a.warc.gz", bytes(data))
    assert (outcomes & urls).total() == 29
    assert outcomes.total() == 30


def test_one_gzip_member_around_all_records(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(page(number) for number in range(5)))
    assert read(tmp_path / "a.warc.gz", data) == Counter(f"http://a.test/{number}" for number in range(5))


def digest_of(block: bytes) -> str:
    return f"WARC-Block-Digest: sha1:{base64.b32encode(hashlib.sha1(block).digest()).decode()}\r\n"


@pytest.mark.parametrize("held", [1 << 20, 100])  # in memory, or decoded again
@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_of_a_damaged_member_around_all_records_those_stay_whose_digest_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: str, held: int
) -> None:
    monkeypatch.setattr(warc_members, "HELD_BYTES", held)
    block = http(noise(1))
    parts = [page(0), record("http://a.test/1", block, extra=digest_of(block)), page(2), page(3, 100_000)]
    data = bytearray(PACKINGS[pack]([b"".join(parts)]))
    data[-6] ^= 1  # in the checksum: every byte before it is as it was
    damaged = read(tmp_path / "a.warc", bytes(data))
    assert [outcome for outcome in damaged if "@" not in outcome] == ["http://a.test/1"]
    unproven = [outcome for outcome in damaged if "no digest shows it to be whole" in outcome]
    assert [outcome.split()[0] for outcome in unproven] == ["a.warc@0", f"a.warc@0+{sum(map(len, parts[:2]))}"]
    assert sum("is damaged" in outcome for outcome in damaged) == 3
    cut = read(tmp_path / "a.warc", bytes(data[:-9]))  # cut short, it was right as far as it goes
    assert [outcome for outcome in cut if "@" not in outcome][:3] == [f"http://a.test/{number}" for number in range(3)]
    assert sum(f"the file ends inside a {pack} member" in outcome for outcome in cut) == 1


def test_a_damaged_member_costs_no_record_of_its_neighbours(tmp_path: Path) -> None:
    members = [gzip.compress(page(number), mtime=0) for number in range(3)]
    members[1] = members[1][:-8] + bytes(4) + members[1][-4:]
    outcomes = read(tmp_path / "a.warc.gz", b"".join(members))
    assert sorted(outcomes)[1:] == ["http://a.test/0", "http://a.test/2"]


def test_a_record_is_as_sound_as_the_worst_member_it_lies_in(tmp_path: Path) -> None:
    whole, cut = page(1) + page(2) + page(3, 100_000), len(page(1)) + 100
    second = bytearray(gzip.compress(whole[cut:], mtime=0))
    second[-6] ^= 1
    outcomes = read(tmp_path / "a.warc.gz", gzip.compress(whole[:cut], mtime=0) + bytes(second))
    assert [outcome for outcome in outcomes if "@" not in outcome] == ["http://a.test/1"]
    assert sum("no digest shows it to be whole" in outcome for outcome in outcomes) == 1


def test_members_that_cut_through_records(tmp_path: Path) -> None:
    whole = b"".join(page(number) for number in range(20))
    data = b"".join(gzip.compress(whole[at : at + 777]) for at in range(0, len(whole), 777))
    assert read(tmp_path / "a.warc.gz", data) == Counter(f"http://a.test/{number}" for number in range(20))


def test_zeros_between_members_are_padding(tmp_path: Path) -> None:
    data = gzip.compress(page(1)) + bytes(100_000) + gzip.compress(page(2)) + bytes(10)
    assert read(tmp_path / "a.warc.gz", data) == Counter(["http://a.test/1", "http://a.test/2"])
