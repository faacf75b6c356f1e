"""The demo's WARC writer: gzip that any reader takes, without zlib's choices."""

import gzip
import random

import pytest

from flows.demo.warc import gzipped


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_a_stored_member_reads_back(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert gzip.decompress(gzipped(data) + gzipped(b"next")) == data + b"next"
