"""Digests in every algorithm and base that is found in WARC files; what is unknown is not wrong."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers.digest import ALGORITHMS, matches

BASES: dict[str, Callable[[bytes], bytes]] = {
    "16": lambda value: value.hex().encode(), "32": base64.b32encode, "64": base64.b64encode,
    "url-safe 64": base64.urlsafe_b64encode,
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.sampled_from(ALGORITHMS), st.sampled_from(sorted(BASES)), st.data())
def test_a_digest_is_told_from_another_in_every_base(
    data: bytes, algorithm: str, base: str, draw: st.DataObject
) -> None:
    value = BASES[base](hashlib.new(algorithm, data).digest()).decode()
    cases = [value.upper(), value.lower()] if base in ("16", "32") else []
    value = draw.draw(st.sampled_from([value, value.rstrip("="), *cases]))
    label = draw.draw(st.sampled_from([algorithm, algorithm.upper(), algorithm.replace("sha", "sha-")]))
    assert matches(data, f"{label}:{value}") is True
    assert matches(data + b"x", f" {label}: {value} ") is False


@pytest.mark.parametrize(
    "digest",
    ["blake3:" + "ab" * 32, "xxh3:00", "sha1", "", "sha1:", "sha1:nonsense", "sha1:" + "A" * 31, "sha256:" + "ab" * 20],
)
def test_what_cannot_be_told_is_neither_right_nor_wrong(digest: str) -> None:
    assert matches(b"data", digest) is None
