"""Tokenised shards: what is written is read back, byte by byte as the format says."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.ablation.megatron import read, write

DOCUMENTS = [np.array([5, 6, 7]), np.array([], np.int64), np.array([65_000, 1])]


@pytest.mark.parametrize(("vocabulary", "code", "kind"), [(65_536, 8, np.uint16), (65_537, 4, np.int32)])
def test_documents_come_back_from_a_mapping(tmp_path: Path, vocabulary: int, code: int, kind: type) -> None:
    assert write(tmp_path / "part", iter(DOCUMENTS), vocabulary) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.bin", "part.idx"]
    tokens, starts = read(tmp_path / "part")
    assert isinstance(tokens, np.memmap)
    assert tokens.dtype == kind
    found = [tokens[begin:end].tolist() for begin, end in pairwise(starts)]
    assert found == [ids.tolist() for ids in DOCUMENTS]
    # The layout by hand: magic, version, type, counts, lengths, pointers in bytes, documents.
    size = np.dtype(kind).itemsize
    expected = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, 3, 4)
    expected += struct.pack("<3i", 3, 0, 2) + struct.pack("<3q", 0, 3 * size, 3 * size) + struct.pack("<4q", 0, 1, 2, 3)
    assert (tmp_path / "part.idx").read_bytes() == expected


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "part", DOCUMENTS, 65_536)
    index = (tmp_path / "part.idx").read_bytes()
    (tmp_path / "part.idx").write_bytes(index[:-1])
    with pytest.raises(ValueError, match="expected version 1"):
        read(tmp_path / "part")
    (tmp_path / "part.idx").write_bytes(b"X" + index[1:])
    with pytest.raises(ValueError, match="does not begin as an index"):
        read(tmp_path / "part")
    (tmp_path / "part.idx").write_bytes(index)
    (tmp_path / "part.bin").write_bytes(b"\0" * 8)
    with pytest.raises(ValueError, match="has 8 bytes, its index speaks of 5 tokens"):
        read(tmp_path / "part")


def test_a_token_beyond_the_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token 9 of a document is not below the vocabulary of 9"):
        write(tmp_path / "part", [np.array([9])], 9)
