"""How much disk and memory near-duplicate removal takes: docs/duplicates.md holds the formula and worked examples."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.run.grouping import partitions

BAND_ROW_BYTES = 32
"""key 8, row 4, content 8, order 8, shard 4; Arrow files are not compressed, since hashes do not compress."""
SET_BYTES_PER_TEXT_BYTE = 0.68
"""4 bytes a word of 5.9 bytes, its space included: measured on English web text. Chinese: 1.3."""
SET_ROW_BYTES = 90
"""id 36, key 8, quality 8, copy_of 8, offsets and candidates 24, shard and row 8"""
GRAPH_ROW_BYTES = 90
"""distinct pairs, forest and components, 21 to 25 bytes each, per candidate"""
PAIR_BYTES = 25
"""key, a, b, copy; a candidate has about one pair in half of the bands"""
DECISION_BYTES = 165
"""three ids of 36 bytes, numbers"""
INDEX_ROW_BYTES = 85
BASE_MEMORY = 330 << 20
"""Python, Arrow, compiled kernels."""
READ_MEMORY = 232 << 20
"""Batches of 4 MB with their words, hashes and shingles, and what the allocators keep of those that have passed: about
as much as the text that was read, up to here (measured at 30, 120, 210 and 2,100 MB)."""
SHARD_TEXT_BYTES = 256 << 20
REDUCE_COPIES = 3
FOREST_MEMORY = 7
"""Bytes of memory per byte of the last forest, at 17 bytes an edge."""


class Plan(NamedTuple):
    """Bytes."""

    disk: int
    """Written under `work/` and removed at the end, and the index if it is asked for."""
    memory: int
    """Peak of one process; every worker needs as much."""
    index_disk: int
    """Part of `disk` that stays."""
    components: int
    """Part of `memory` that one task for the whole level takes: it grows with the number of candidates."""


def plan(
    documents: int,
    text_bytes: float,
    bands: int = 14,
    candidates: float = 0.4,
    kept: float = 0.8,
    verify: bool = True,
    index: bool = False,
    earlier: int = 0,
    shard_bytes: int = SHARD_TEXT_BYTES,
) -> Plan:
    """For documents of `text_bytes` on average.

    `candidates`: the share that shares a bucket with another text, copies counted once; `kept`: the share that stays,
    for the index. `earlier`: of the documents, those that only an earlier index holds.
    """
    shingles = SET_BYTES_PER_TEXT_BYTE * text_bytes
    set_bytes = set_row_bytes(text_bytes if verify else 0)
    per_candidate = PAIR_BYTES * bands / 2 + GRAPH_ROW_BYTES + set_bytes + DECISION_BYTES
    index_bytes = (documents - earlier) * (8 * bands + INDEX_ROW_BYTES + kept * shingles) if index else 0
    disk = documents * (BAND_ROW_BYTES * bands + candidates * per_candidate) + index_bytes
    shard_documents = min(documents, shard_bytes / max(1.0, text_bytes))
    of_shard = max(BAND_ROW_BYTES * bands, candidates * set_bytes, kept * shingles if index else 0)
    bands_read = documents * BAND_ROW_BYTES * bands / partitions(documents, BAND_ROW_BYTES * bands)
    sets_read = documents * candidates * set_bytes / partitions(documents, set_bytes)
    components = components_memory(17 * int(documents * candidates * 0.6))
    read = min(READ_MEMORY, documents * text_bytes)
    tasks = (read + shard_documents * of_shard, REDUCE_COPIES * max(bands_read, sets_read), components)
    return Plan(int(disk), int(BASE_MEMORY + max(tasks)), int(index_bytes), components)


def set_row_bytes(text_bytes: float) -> int:
    """Of a candidate's row with its shingle set."""
    return int(SET_BYTES_PER_TEXT_BYTE * text_bytes) + SET_ROW_BYTES


def components_memory(forest_bytes: int) -> int:
    """Of the task that names the components, from the bytes of the last forest."""
    return FOREST_MEMORY * forest_bytes
