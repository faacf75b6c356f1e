"""Cutting into records: damage costs what it hits and has a place, whatever the file is packed in."""

import gzip
import io
import random
import struct

import pytest

from stages.l0_collect.readers.warc_records import Damage, Record, records
from tests.stages.l0_collect.readers.warc_files import (
    PACKINGS,
    arc_page,
    gzipped,
    http,
    noise,
    page,
    plain,
    record,
    with_dictionary,
    zstandarded,
)

LIMIT = 1 << 20


def cut(data: bytes) -> list[Record | Damage]:
    return list(records(io.BytesIO(data), LIMIT))


def urls(found: list[Record | Damage]) -> list[str]:
    return [one.url for one in found if isinstance(one, Record)]


def damage(data: bytes) -> list[tuple[str, int]]:
    return [(one.position, one.unread_bytes) for one in cut(data) if isinstance(one, Damage)]


def small(number: int, line_end: str = "\r\n") -> bytes:
    return record(f"http://a.test/{number}", http(noise(number, 100)), line_end=line_end)


FILES = {
    **{name: (pack, small) for name, pack in PACKINGS.items()},
    "arc": (plain, arc_page),
    "arc in gzip": (gzipped, arc_page),
    "only line feeds": (plain, lambda number: small(number, "\n")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_byte_that_is_wrong_costs_at_most_its_record_at_500_places(name: str) -> None:
    pack, make = FILES[name]
    parts = [make(number) for number in range(50)]
    data, all_urls = pack(parts), [f"http://a.test/{number}" for number in range(50)]
    assert urls(cut(data)) == all_urls
    # A dictionary serves all records, so that its damage is the damage of all that use it.
    first = 8 + int.from_bytes(data[4:8], "little") if name == "zstd with dictionary" else 0
    chosen = random.Random(name)
    for place in [first, *(chosen.randrange(first, len(data)) for _ in range(499))]:
        wrong = bytearray(data)
        wrong[place] ^= chosen.randrange(1, 256)
        found = cut(bytes(wrong))
        lost = [url for url in all_urls if url not in urls(found)]
        # Its own damage, or a URL that has become another.
        assert (len(lost), len(found)) in ((0, 50), (1, 50)), f"byte {place} made {wrong[place]}"


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_never_taken_for_a_whole_one(name: str) -> None:
    pack, make = FILES[name]
    parts = [make(number) for number in range(3)]
    data = pack(parts)
    last = len(data) - len(pack(parts[:2]))
    separators = {"plain": 4, "only line feeds": 2, "arc": 1}
    for missing in range(1, last):
        found = cut(data[:-missing])
        assert [type(one) for one in found[-1:]] == [Damage], missing
        assert len(urls(found)) == (3 if missing <= separators.get(name, 0) else 2)


def test_bytes_that_cannot_be_read_are_counted() -> None:
    members = [gzip.compress(page(number), mtime=0) for number in range(4)]
    broken = members[1][:500] + bytes([members[1][500] ^ 255]) + members[1][501:]
    at = len(members[0])
    assert damage(members[0] + broken + members[2]) == [(str(at), len(broken))]
    assert damage(members[0] + members[1][:-7]) == [(str(at), len(members[1]) - 7)]
    wrong = record("http://a.test/2", http(), length=30)
    assert damage(page(1) + wrong + page(3)) == [(str(len(page(1))), len(wrong))]
    assert damage(page(1) + b"noise\n" + page(3)) == [(str(len(page(1))), 6)]
    assert damage(page(1) + page(2)) == []


def test_positions_name_member_and_offset() -> None:
    first = gzip.compress(page(1))
    found = cut(first + gzip.compress(page(2) + page(3)))
    assert [one.position for one in found] == ["0", str(len(first)), f"{len(first)}+{len(page(2))}"]


def test_a_damaged_member_behind_a_broken_record_is_its_damage_alone() -> None:
    """Looking for the next record met the damage inside the handler of the first, and the whole unit was lost."""
    broken = record("http://a.test/2", http(noise(2, 40_000)), length=30)
    packed = bytearray(gzip.compress(broken, mtime=0))
    packed[-6] ^= 255  # its checksum
    found = cut(gzipped([page(1)]) + packed + gzipped([page(3), page(4)]))
    assert urls(found) == ["http://a.test/1", "http://a.test/3", "http://a.test/4"]
    [lost] = [one for one in found if isinstance(one, Damage)]
    assert lost.unread_bytes == len(packed)
    assert "Content-Length; the gzip member is damaged" in lost.error


@pytest.mark.parametrize("field", [-8, -4], ids=["checksum", "size"])
def test_a_member_whose_trailer_is_wrong_is_lost_alone(field: int) -> None:
    members = [bytearray(gzip.compress(page(number), mtime=0)) for number in range(3)]
    members[1][field] ^= 1
    assert urls(cut(b"".join(members))) == ["http://a.test/0", "http://a.test/2"]
    assert damage(b"".join(members)) == [(str(len(members[0])), len(members[1]))]


def test_a_record_that_begins_with_damage_is_the_only_one_lost() -> None:
    parts = [small(number) for number in range(3)]
    parts[1] = b"XARC" + parts[1][4:]
    assert urls(cut(plain(parts))) == ["http://a.test/0", "http://a.test/2"]
    assert damage(plain(parts)) == [(str(len(parts[0])), len(parts[1]))]


@pytest.mark.parametrize("name", ["gzip", "zstd", "zstd with dictionary"])
def test_the_first_bytes_decide_the_format_unless_they_are_damaged(name: str) -> None:
    data = PACKINGS[name]([small(number) for number in range(3)])
    assert urls(cut(b"\xff\xff" + data[2:]))[-2:] == ["http://a.test/1", "http://a.test/2"]


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_dictionary_in_the_first_frame_is_used(is_packed: bool) -> None:
    parts = [small(number) for number in range(5)]
    data = with_dictionary(parts, is_packed)
    assert urls(cut(data)) == [f"http://a.test/{number}" for number in range(5)]
    assert len(data) < len(zstandarded(parts)) + len(with_dictionary([], is_packed))
    frame = 8 + int.from_bytes(data[4:8], "little")
    assert cut(data[frame:]) == [Damage("0", "the zstd member is damaged: zstd decompressor error: Dictionary mismatch",
                                        len(data) - frame)]  # fmt: skip


def test_frames_to_be_skipped_hold_no_records() -> None:
    skipped = struct.pack("<II", 0x184D2A50, 70_000) + bytes(range(250)) * 280
    data = skipped + zstandarded([small(1)]) + skipped + zstandarded([small(2)])
    assert urls(cut(data)) == ["http://a.test/1", "http://a.test/2"]
    assert damage(data + skipped[:-1]) == [(str(len(data)), len(skipped) - 1)]


def test_one_frame_around_all_records_and_frames_that_cut_through_them() -> None:
    whole = b"".join(small(number) for number in range(20))
    expected = [f"http://a.test/{number}" for number in range(20)]
    assert urls(cut(zstandarded([whole]))) == expected
    for pack in (zstandarded, gzipped):
        assert urls(cut(pack([whole[at : at + 77] for at in range(0, len(whole), 77)]))) == expected


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n\n", b"\r\n" * 5, b"\r\n\r\n" + bytes(9000), bytes(9000)])
@pytest.mark.parametrize("make", [small, arc_page])
def test_records_may_be_closed_by_anything_that_is_empty(make, between: bytes) -> None:
    bare = [make(number).rstrip(b"\r\n") for number in range(3)]
    found = cut(between.join(bare) + between)
    assert urls(found) == [f"http://a.test/{number}" for number in range(3)]
    assert len(found) == 3


def test_trailing_garbage_is_damage_and_the_records_before_it_are_not() -> None:
    parts = [small(number) for number in range(3)]
    for pack in (plain, gzipped, zstandarded):
        data = pack(parts)
        assert (len(urls(cut(data + b"garbage"))), damage(data + b"garbage")) == (3, [(str(len(data)), 7)])


def test_a_record_over_the_limit_is_passed_over_unless_its_length_is_wrong() -> None:
    large = record("http://a.test/1", http(noise(1, LIMIT)))
    wrong = record("http://a.test/2", http(noise(2)), length=LIMIT + 7)
    for pack in (plain, gzipped, zstandarded):
        found = cut(pack([small(0), large, small(2)]))
        assert [(one.url, one.block is None) for one in found if isinstance(one, Record)] == [
            ("http://a.test/0", False), ("http://a.test/1", True), ("http://a.test/2", False),
        ]  # fmt: skip
        found = cut(pack([small(0), wrong, small(3), large]))
        assert urls(found) == ["http://a.test/0", "http://a.test/3", "http://a.test/1"]


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\nx", "the record has no Content-Length"),
        (b"WARC/1.0\r\nContent-Length: -1\r\n\r\nx", "the record has '-1' for its Content-Length"),
        (b"WARC/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "has '1, 2' for its Content-Length"),
        (b"WARC/1.0\r\nContent-Length: 1", "the record's header does not end"),
        (b"WARC/1.0\r\nX: " + b"y" * 70_000, "the record's header does not end within 65536 bytes"),
        (b"http://a.test/ 192.0.2.1 20240518000000 text/html abc\nx", "the record has 'abc' for its Content-Length"),
        (b"no WARC", "no WARC record starts here, but b'no WARC'"),
    ],
)
def test_what_is_no_whole_record_is_said(head: bytes, problem: str) -> None:
    [lost, found] = cut(gzipped([head, small(1)]))
    assert isinstance(lost, Damage)
    assert lost.error.endswith(problem)
    assert isinstance(found, Record)


def test_the_same_length_twice_is_no_problem() -> None:
    data = small(1).replace(b"WARC-Date", b"Content-Length: %d\r\nWARC-Date" % len(http(noise(1, 100))))
    assert urls(cut(data)) == ["http://a.test/1"]
