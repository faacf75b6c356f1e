"""What a changed byte in a Parquet footer does to the reader: nothing, a refusal, or the end of the process.

    python -m benchmarks.l0_footers [--changes 3000] [--seed 0] [--bare]

Small files of several kinds are written; then one byte of a footer is changed at random, and a process of its own plans
and reads the file as a run does. `told`: refused, or rows quarantined. `same`: the rows are what was written. `other`:
other rows, and nothing was said; a footer also holds names, dates and sizes that no check can know. `--bare`: Arrow
alone, without the reader's checks.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.l0_collect.readers.parquet import ParquetSource

SECONDS = 20
"""Processor time of one reading."""
OUTCOMES = ("same", "told", "other")


def files(folder: Path) -> list[Path]:
    rows = [f"text {number} of a few words" for number in range(200)]
    table = pa.table({"text": rows, "url": [f"http://a.test/{number}" for number in range(200)], "n": range(200)})
    odd = table.append_column("tags", pa.array([["a", "b"] if number % 3 else None for number in range(200)]))
    odd = odd.append_column("about", pa.array([{"k": number, "x": None} for number in range(200)]))
    odd = odd.append_column("key", pa.array([bytes(16)] * 200, pa.binary(16)))
    odd = odd.append_column("share", pa.array([number / 7 for number in range(200)]))
    found = []
    for name, some, settings in (
        ("plain", table, {}),
        ("groups", table, {"row_group_size": 50, "write_page_index": True}),
        ("nested", odd, {"compression": "zstd", "data_page_version": "2.0"}),
        ("bare", table, {"write_statistics": False, "use_dictionary": False, "store_schema": False}),
    ):
        found.append(folder / f"{name}.parquet")
        pq.write_table(some, found[-1], **settings)
    return found


def read(path: Path) -> list[str] | None:
    """The texts that a run would get; None if it is told that something is wrong."""
    source = ParquetSource(paths=(str(path),))
    try:
        units = source.units(str(path), "")
    except ValueError:
        return None
    texts: list[str] = []
    for unit in units:
        for batch in source.read(unit):
            if batch.quarantined or batch.dropped:
                return None
            texts += batch.rows.column("text").to_pylist()
    return texts


def read_bare(path: Path) -> list[str] | None:
    try:
        file = pq.ParquetFile(path)
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                str(file.metadata.row_group(group).column(column).statistics)
        return list(file.read().column("text").to_pylist())
    except Exception:
        return None


def outcome(path: Path, reader: Callable[[Path], list[str] | None], wanted: list[str]) -> str:
    """One of OUTCOMES, or how the process ended."""
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            found = reader(path)
            os._exit(1 if found is None else 0 if found == wanted else 2)
        except BaseException as error:
            print(path, repr(error)[:200], flush=True)
            os._exit(3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return OUTCOMES[code] if 0 <= code < 3 else signal.Signals(-code).name if code < 0 else "an error of its own"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    reader = read_bare if options.bare else read
    with tempfile.TemporaryDirectory() as folder:
        whole = [(path, path.read_bytes()) for path in files(Path(folder))]
        counts: dict[str, collections.Counter[str]] = {path.stem: collections.Counter() for path, _ in whole}
        for number in range(options.changes):
            path, content = whole[number % len(whole)]
            length = int.from_bytes(content[-8:-4], "little")
            at = draw.randrange(len(content) - 8 - length, len(content))
            changed = bytearray(content)
            changed[at] ^= draw.randrange(1, 256)
            path.write_bytes(changed)
            wanted = [f"text {row} of a few words" for row in range(200)]
            found = outcome(path, reader, wanted)
            if found not in OUTCOMES:
                print(f"{path.stem}: byte {at}, {content[at]:#x} for {changed[at]:#x}: {found}", flush=True)
            counts[path.stem][found] += 1
    columns = list(dict.fromkeys([*OUTCOMES, *(kind for count in counts.values() for kind in count)]))
    print(f"| file | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name, count in counts.items():
        print(f"| {name} | {' | '.join(str(count[column]) for column in columns)} |")


if __name__ == "__main__":
    main()
