"""Bodies with any header over any bytes: what can be read is read, what is cut or broken is said."""

import gzip
import random
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers.http_body import MAXIMUM_LAYERS, decoded

PAGES = [
    b"<html><body>" + b"<p>The lighthouse was built in 1871.</p>" * 9,
    b"<!--" + b"x" * 3000 + b"--><!DOCTYPE html><p>x</p>",
    b"A text without any tag, as some servers call HTML. " * 5,
    "<html><body><p>Маяк построен в 1871 году.</p>".encode("cp1251"),
]


def two_members(body: bytes) -> bytes:
    return gzip.compress(body[:20]) + gzip.compress(body[20:])


ENCODINGS = {
    "gzip": (gzip.compress, two_members, lambda body: gzip.compress(body) + b"\0\0"),
    "zstd": (zstandard.compress, lambda body: zstandard.compress(body[:9]) + zstandard.compress(body[9:])),
    "br": (brotli.compress,),
    "deflate": (zlib.compress, lambda body: zlib.compress(body, wbits=-15)),
}
WITH_MAGIC = ("gzip", "zstd")
STALE = ["", "gzip", "x-gzip", "br", "deflate", "zstd", "identity", "utf-8", "none", "gzip, gzip", "br, deflate"]


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PAGES), st.sampled_from(STALE), st.sampled_from(["", "chunked", "identity"]))
def test_a_body_that_is_decoded_already_stays(body: bytes, content: str, transfer: str) -> None:
    assert decoded(body, {"content-encoding": content, "transfer-encoding": transfer}, True) == body


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PAGES), st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=MAXIMUM_LAYERS - 1), st.data())
def test_encodings_are_undone_in_turn(body: bytes, names: list[str], draw: st.DataObject) -> None:
    packed = body
    for name in names:
        packed = draw.draw(st.sampled_from(ENCODINGS[name]))(packed)
    fields = {"content-encoding": ", ".join(names).upper()}
    if draw.draw(st.booleans()):
        packed = chunked(packed, draw.draw(st.integers(1, 400)))
        fields |= draw.draw(
            st.sampled_from([{"transfer-encoding": "chunked"}, {}])
        )  # some crawlers forget that they left them
    assert decoded(packed, fields, True) == body


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PAGES), st.sampled_from(WITH_MAGIC), st.data())
def test_what_the_bytes_show_needs_no_header_and_no_right_one(body: bytes, name: str, draw: st.DataObject) -> None:
    packed = draw.draw(st.sampled_from(ENCODINGS[name]))(body)
    assert decoded(packed, {"content-encoding": draw.draw(st.sampled_from(STALE))}, True) == body


@pytest.mark.parametrize("pack", [zlib.compress, brotli.compress])
@pytest.mark.parametrize("named", ["", "gzip"])
def test_bodies_that_nothing_explains_are_tried(pack, named: str) -> None:
    body = b"<html>" + random.Random(1).randbytes(900).hex().encode()
    assert decoded(pack(body), {"content-encoding": named}, True) == body


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ENCODINGS)), st.integers(30, 95), st.booleans())
def test_a_body_that_is_cut_is_broken_unless_it_is_known(name: str, percent: int, is_chunked: bool) -> None:
    body = b"<html>" + random.Random(1).randbytes(3000).hex().encode()
    packed = ENCODINGS[name][0](body)
    packed = chunked(packed, 1000) if is_chunked else packed
    packed = packed[: len(packed) * percent // 100]
    fields = {"content-encoding": name, "transfer-encoding": "chunked" if is_chunked else ""}
    with pytest.raises(ValueError, match=r"too early|broken at byte"):
        decoded(packed, fields, True)
    found = decoded(packed, fields, False)
    assert found is not None
    assert body.startswith(found)
    assert len(found) > len(body) // 10 or name == "zstd"  # which gives whole blocks, and this body is one


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_bomb_is_too_large(name: str) -> None:
    for pack in ENCODINGS[name]:
        assert decoded(pack(bytes(8 << 20)), {"content-encoding": name}, True) is None


def test_a_body_packed_too_often_is_broken() -> None:
    body = PAGES[0]
    for _ in range(MAXIMUM_LAYERS):
        body = gzip.compress(body)
    with pytest.raises(ValueError, match="compressed more than 4 times"):
        decoded(body, {}, True)


def test_a_body_of_more_members_than_any_page_has_is_broken() -> None:
    with pytest.raises(ValueError, match="more than 10000 compressed members"):
        decoded(gzip.compress(b"") * 10_001, {}, True)


def test_text_that_looks_like_a_chunk_is_none() -> None:
    for body in (b"10\r\nlines follow\n", b"5\r\nfive and more than that\r\n0\r\n\r\n", b"a\r\n"):
        assert decoded(body, {}, True) == body
    assert (
        decoded(b"10\r\nlines of text follow here\n", {"transfer-encoding": "chunked"}, True)
        == b"10\r\nlines of text follow here\n"
    )


def test_a_chunked_body_whose_first_size_is_damaged_is_broken() -> None:
    body = b"zz" + chunked(PAGES[0], 50)[1:]
    with pytest.raises(ValueError, match="broken at byte 0"):
        decoded(body, {"transfer-encoding": "chunked"}, True)
