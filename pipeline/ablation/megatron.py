"""Tokenised documents on disk in Megatron-LM's indexed format, written in one pass and read through memory mapping.

Two files. `<prefix>.bin` holds the token ids of all sequences, one after another, little-endian. `<prefix>.idx` holds

| part               | type             | value                                                        |
|--------------------|------------------|--------------------------------------------------------------|
| magic              | 9 bytes          | `MMIDIDX` and two zero bytes                                 |
| version            | u64              | 1                                                            |
| type of a token    | u8               | 8: u16; 4: i32                                               |
| sequences          | u64              |                                                              |
| documents          | u64              | one more than there are, since they are given by their ends  |
| lengths            | i32 a sequence   | in tokens                                                    |
| pointers           | i64 a sequence   | in bytes of `.bin`                                           |
| document indices   | i64 a document   | first sequence of each document, and the number of sequences |

Here every document is one sequence. All integers are little-endian.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.ablation.data import I64Array

MAGIC, VERSION = b"MMIDIDX\x00\x00", 1
TYPES: dict[int, type[np.integer]] = {8: np.uint16, 4: np.int32}
HEADER = struct.Struct("<9sQBQQ")

Tokens = np.ndarray[tuple[int], np.dtype[np.integer]]


def write(prefix: Path, documents: Iterable[Tokens], vocabulary: int) -> int:
    """Both files, each under a temporary name first, `.idx` last; the number of documents."""
    code = 8 if vocabulary <= 1 << 16 else 4
    lengths = []
    data, index = (prefix.with_name(f".{prefix.name}.{os.getpid()}.{ending}") for ending in ("bin", "idx"))
    with data.open("wb") as file:
        for ids in documents:
            if len(ids) and int(ids.max()) >= vocabulary:
                raise ValueError(f"token {ids.max()} of a document is not below the vocabulary of {vocabulary}")
            file.write(np.ascontiguousarray(ids, np.dtype(TYPES[code]).newbyteorder("<")).tobytes())
            lengths.append(len(ids))
    sizes = np.array(lengths, "<i4")
    pointers = (np.cumsum(sizes, dtype=np.int64) - sizes) * np.dtype(TYPES[code]).itemsize
    with index.open("wb") as file:
        file.write(HEADER.pack(MAGIC, VERSION, code, len(sizes), len(sizes) + 1))
        for part in (sizes, pointers.astype("<i8"), np.arange(len(sizes) + 1, dtype="<i8")):
            file.write(part.tobytes())
    for path, ending in ((data, "bin"), (index, "idx")):
        path.replace(prefix.with_name(f"{prefix.name}.{ending}"))
    return len(sizes)


def read(prefix: Path) -> tuple[Tokens, I64Array]:
    """All tokens, mapped and not loaded, and where each document begins, and the end; ValueError for other files."""
    path = prefix.with_name(f"{prefix.name}.idx")
    index = path.read_bytes()
    if len(index) < HEADER.size or index[:9] != MAGIC:
        raise ValueError(f"{path} does not begin as an index of Megatron's indexed format")
    _, version, code, sequences, documents = HEADER.unpack_from(index)
    expected = HEADER.size + 12 * sequences + 8 * documents
    if version != VERSION or code not in TYPES or len(index) != expected:
        raise ValueError(
            f"{path}: version {version}, type {code}, {len(index):,} bytes; expected version {VERSION}, a type of "
            f"{', '.join(map(str, TYPES))} and {expected:,} bytes"
        )
    sizes = np.frombuffer(index, "<i4", sequences, HEADER.size)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    firsts = np.frombuffer(index, "<i8", documents, HEADER.size + 12 * sequences)
    data = prefix.with_name(f"{prefix.name}.bin")
    if data.stat().st_size != starts[-1] * np.dtype(TYPES[code]).itemsize:
        raise ValueError(f"{data} has {data.stat().st_size:,} bytes, its index speaks of {starts[-1]:,} tokens")
    tokens = np.memmap(data, TYPES[code], "r") if starts[-1] else np.zeros(0, TYPES[code])
    return tokens, starts[firsts]
