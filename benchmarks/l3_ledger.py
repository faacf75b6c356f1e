"""Look-ups in the ledger of L3 by its size, with small replies in whole parts, as many runs would leave them.

A batch of KEYS replies that are there, at random places, and one of KEYS that are not, by a ledger opened anew (its
list read, no key in memory) and by the same one again; CPU time, median of ROUNDS batches each. Memory is what this
process took beyond what it had before the first look-up.

    python -m benchmarks.l3_ledger [--sizes 10000 100000 1000000 10000000] [--json results.json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.run import ledger
from pipeline.run.ledger import BLOCK, KEY_SCHEMA, LARGEST, PART_REPLIES, REPLY_SCHEMA, Ledger, Part
from pipeline.store.store import Store, open_store
from pipeline.store.streams import write_streams

KEYS = 256
ROUNDS = 7
WHOLE = PART_REPLIES * LARGEST
"""Replies of a whole part."""


def keys_of(numbers: np.ndarray[Any, Any]) -> list[str]:
    """Keys of 64 hex digits whose first bits are spread as those of a hash."""
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return [f"{one:016x}".ljust(64, "0") for one in mixed.tolist()]


def grow(store: Store, size: int) -> None:
    """Whole parts, as merging leaves them, and the last one as it is; their indexes by the ledger's own code."""
    writer = Ledger(store)
    for first in range(0, size, WHOLE):
        numbers = np.arange(first, min(first + WHOLE, size))
        keys = keys_of(numbers)
        hashes = np.array([int(key[:16], 16) for key in keys], np.uint64)
        order = np.argsort(hashes, kind="stable").astype(np.uint32)
        columns = {name: pa.nulls(len(keys), kind).fill_null(fill(kind)) for name, kind in types()}
        whole = pa.table(columns | {"key": pa.array(keys)}, REPLY_SCHEMA)
        tables = [pa.table([pa.array(hashes[order]), pa.array(order)], KEY_SCHEMA)]
        tables += [whole.slice(row, BLOCK) for row in range(0, len(keys), BLOCK)]
        place = first // WHOLE
        if len(keys) == WHOLE:
            assert write_streams(store, Part(place * LARGEST, LARGEST).path, REPLY_SCHEMA, tables, "zstd")
            writer._index(place)
        else:
            assert write_streams(store, Part(place * LARGEST, 1).path, REPLY_SCHEMA, tables, "zstd")


def types() -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in REPLY_SCHEMA]


def fill(kind: pa.DataType) -> Any:
    return "stop" if pa.types.is_string(kind) else 7


def measure(store: Store, size: int) -> dict[str, Any]:
    random = np.random.default_rng(size)
    there = [keys_of(random.integers(0, size, KEYS)) for _ in range(ROUNDS)]
    absent = [keys_of(random.integers(2**40, 2**41, KEYS)) for _ in range(ROUNDS)]
    before = memory()
    opened = [timed(Ledger(store), keys, len(set(keys))) for keys in there]
    same = Ledger(store)
    timed(same, there[0], len(set(there[0])))
    found = [timed(same, keys, len(set(keys))) for keys in there]
    missed = [timed(same, keys, 0) for keys in absent]
    return {
        "replies": size,
        "files": len(store.list(ledger.DIRECTORY)),
        "opened_ms": statistics.median(opened) * 1000,
        "found_ms": statistics.median(found) * 1000,
        "missed_ms": statistics.median(missed) * 1000,
        "memory_mb": (memory() - before) / 1e6,
        "keys_in_memory": sum(len(rows) for _, rows in same._known.values()),
    }


def timed(asked: Ledger, keys: list[str], expected: int) -> float:
    begin = time.process_time()
    found = asked.find(keys)
    seconds = time.process_time() - begin
    assert len(found) == expected, f"{len(found)} of {expected} found"
    return seconds


def memory() -> int:
    """Bytes of this process that are its own; files that it has mapped are the system's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    print(f"CPU milliseconds for {KEYS} keys")
    print(f"{'replies':>12}{'files':>7}{'opened':>9}{'found':>8}{'missed':>8}{'MB':>7}")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(folder)
            grow(store, size)
            row = measure(store, size)
        results.append(row)
        print(
            f"{size:>12,}{row['files']:>7}{row['opened_ms']:>9.1f}{row['found_ms']:>8.1f}{row['missed_ms']:>8.1f}"
            f"{row['memory_mb']:>7.0f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
