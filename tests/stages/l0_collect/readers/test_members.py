"""Compressed data, member by member: what is right comes out, what is damaged costs itself alone."""

import bz2
import gzip
import io
import lzma
import random
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers import members
from stages.l0_collect.readers.members import Damage, codec_of, head_of, pieces


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def lz4_frame(data: bytes) -> bytes:
    return bytes(lz4.frame.compress(data, content_checksum=True))


def gzip_member(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip_member, "zstd": zstd, "xz": lzma.compress, "bzip2": bz2.compress, "lz4": lz4_frame,
}  # fmt: skip
SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"


def text(seed: int) -> bytes:
    numbers = random.Random(seed)
    return b"".join(b"%08x\n" % numbers.getrandbits(32) for _ in range(2_000))


def read(data: bytes) -> tuple[bytes, list[Damage]]:
    stream = io.BytesIO(data)
    codec = codec_of(stream)
    assert codec is not None
    found = list(pieces(stream, codec))
    return b"".join(one for one in found if isinstance(one, bytes)), [one for one in found if isinstance(one, Damage)]


@pytest.mark.parametrize("codec", COMPRESS)
def test_members_are_joined_and_zeros_between_and_behind_them_are_padding(codec: str) -> None:
    one, two = (COMPRESS[codec](text(seed)) for seed in (1, 2))
    stream = io.BytesIO(one)
    found = codec_of(stream)
    assert found is not None
    assert (found.name, stream.tell()) == (codec, 0)
    assert read(one + two) == (text(1) + text(2), [])
    assert read(one + bytes(512) + two + bytes(3 << 20)) == (text(1) + text(2), [])


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_skippable_frames_hold_nothing(codec: str) -> None:
    one, two = (COMPRESS[codec](text(seed)) for seed in (1, 2))
    stream = io.BytesIO(SKIPPABLE + SKIPPABLE + one + SKIPPABLE + two + SKIPPABLE)
    found = codec_of(stream)
    assert found is not None
    assert found.name == codec
    assert head_of(stream, found, 100) == text(1)[:100]
    assert read(stream.getvalue()) == (text(1) + text(2), [])
    assert read(SKIPPABLE) == (b"", [])


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("held", [10, 1 << 20])
def test_a_damaged_member_costs_itself_alone(codec: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "HELD_BYTES", held)
    parts = [COMPRESS[codec](text(seed)) for seed in (1, 2, 3)]
    places = random.Random(codec)
    for _ in range(25):
        bad = bytearray(parts[1])
        # Behind the first bytes, by which a member is found, and before fields that say nothing of the content.
        bad[places.randrange(20, len(bad) - 4)] ^= places.randrange(1, 256)
        found, damage = read(parts[0] + bytes(bad) + parts[2])
        assert found == text(1) + text(3)
        assert [one.unread_bytes for one in damage] == [len(bad)]
        assert damage[0].error.startswith(f"the {codec} data is damaged (")


@pytest.mark.parametrize("codec", COMPRESS)
def test_what_came_before_a_cut_is_given_and_the_cut_is_said(codec: str) -> None:
    whole = COMPRESS[codec](text(1)) + COMPRESS[codec](text(2))
    for stop in range(len(whole) // 2 + 40, len(whole), 997):
        found, damage = read(whole[:stop])
        assert found.startswith(text(1))
        assert (text(1) + text(2)).startswith(found)
        assert [one.error for one in damage] == [f"the {codec} data ends too early; what follows is lost"]


@pytest.mark.parametrize("codec", COMPRESS)
def test_garbage_behind_the_last_member_is_counted(codec: str) -> None:
    found, damage = read(COMPRESS[codec](text(1)) + b"no member " * 100)
    assert (found, [one.unread_bytes for one in damage]) == (text(1), [1_000])


def test_a_member_that_a_killed_writer_left_costs_no_later_one() -> None:
    cut = gzip_member(text(1))[:5_000]
    found, damage = read(cut + gzip_member(text(2)))
    assert (found, [one.unread_bytes for one in damage]) == (text(2), [len(cut)])


def test_a_bomb_comes_in_pieces() -> None:
    bomb = zstd(bytes(200 << 20))
    stream = io.BytesIO(bomb)
    codec = codec_of(stream)
    assert codec is not None
    sizes = [len(piece) for piece in pieces(stream, codec) if isinstance(piece, bytes)]
    assert sum(sizes) == 200 << 20
    assert max(sizes) <= 130 << 20


def test_frames_with_the_largest_window_are_read() -> None:
    settings = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    assert read(stream.compress(text(1)) + stream.flush()) == (text(1), [])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_members_in_any_order_of_damage(draw: st.DataObject) -> None:
    """Padding and skippable frames anywhere, bytes changed anywhere in some members: the others come out whole."""
    codec = draw.draw(st.sampled_from(sorted(COMPRESS)))
    parts = [text(seed)[: 9 * draw.draw(st.integers(20, 120))] for seed in range(draw.draw(st.integers(1, 5)))]
    damaged = draw.draw(st.sets(st.integers(0, len(parts) - 1)))
    data, whole = b"", True
    for number, part in enumerate(parts):
        member = bytearray(COMPRESS[codec](part))
        if number in damaged:
            # Behind the header, which may hold names and dates that no checksum covers.
            at = draw.draw(st.integers(len(member) // 3, 2 * len(member) // 3))
            member[at] ^= draw.draw(st.integers(1, 255))
            whole = False
        filling = [b"", bytes(600)] + ([SKIPPABLE] if codec in ("zstd", "lz4") else [])
        data += bytes(member) + draw.draw(st.sampled_from(filling))
    found, problems = read(data)
    lines = {line for part in parts for line in part.splitlines()}
    if 0 not in damaged or found:
        assert set(found.splitlines()) <= lines, "no line that nobody wrote"
    for number, part in enumerate(parts):
        assert number in damaged or part in found
    assert bool(problems) != whole
