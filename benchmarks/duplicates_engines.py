"""Near-duplicate removal by one tool in one process: `python duplicates_engines.py TOOL INPUT WORK WARM_UP`.

Reads `id` and `text` from the Parquet files of a folder and writes the ids that stay, one a line, to WORK/kept, and to
WORK/cost what that took after a first run on the folder WARM_UP. All tools use word 5-grams, 14 bands of 8 hashes and
one process, and otherwise what their documentation shows. Imports lie inside the functions: each tool runs in the
environment that has it. Exit code 3: the tool is not installed.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

NGRAM, BANDS, ROWS = 5, 14, 8


def orefine(source: Path, work: Path, **options: object) -> Iterable[str]:
    import pyarrow.parquet as pq

    from pipeline.run.grouping import Grouping
    from pipeline.run.grouping_tasks import ShardRows
    from pipeline.run.runners import InlineRunner
    from pipeline.store.partitions import read_bucket
    from pipeline.store.store import open_store
    from stages.l1_filter.duplicates.near_duplicates import NearDuplicates

    paths = [str(path.resolve()) for path in sorted(source.glob("*.parquet"))]
    shards = [ShardRows(shard, path, pq.read_metadata(path).num_rows) for shard, path in enumerate(paths)]
    store = open_store(str(work))
    grouping = Grouping(store, InlineRunner(), "grouping", shards)
    NearDuplicates(**options).group(grouping)  # type: ignore[arg-type]
    assert grouping.decisions is not None
    for shard in shards:
        decisions = read_bucket(store, grouping.decisions, shard.shard)
        dropped = decisions.filter(decisions["rule"].is_valid())["row"] if decisions.num_columns else ()
        gone = {row.as_py() for row in dropped}
        ids = pq.read_table(shard.path, columns=["id"])["id"].to_pylist()
        yield from (name for row, name in enumerate(ids) if row not in gone)


def orefine_strict(source: Path, work: Path) -> Iterable[str]:
    return orefine(source, work, preset="strict")


def orefine_unverified(source: Path, work: Path) -> Iterable[str]:
    return orefine(source, work, verify=None)


def datatrove(source: Path, work: Path) -> Iterable[str]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    # SHA-1 as in FineWeb's own run; the default hash, xxhash, fails with xxhash 4
    config = MinhashConfig(NGRAM, BANDS, ROWS, hash_config=HashConfig(hash_fc="sha1"))
    reader = ParquetReader(str(source))
    signatures, buckets, removed = (str(work / name) for name in ("signatures", "buckets", "removed"))
    stages = [
        [reader, MinhashDedupSignature(signatures, config)],
        [MinhashDedupBuckets(signatures, buckets, config=config)],
        [MinhashDedupCluster(buckets, removed, config)],
        [reader, MinhashDedupFilter(removed), JsonlWriter(str(work / "out"), compression=None)],
    ]
    for number, stage in enumerate(stages):
        tasks = BANDS if number == 1 else 1
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=str(work / f"logs{number}")).run()
    return [json.loads(line)["id"] for path in (work / "out").iterdir() for line in path.open()]


def datasketch(source: Path, work: Path) -> Iterable[str]:
    from datasketch import MinHash, MinHashLSH

    ids, texts = _read(source)
    index, union = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS)), _Union(len(ids))
    for row, text in enumerate(texts):
        sketch = MinHash(num_perm=BANDS * ROWS)
        sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
        for other in index.query(sketch):
            union.join(row, other)
        index.insert(row, sketch)
    return (name for row, name in enumerate(ids) if union.root(row) == row)


def rensa(source: Path, work: Path) -> Iterable[str]:
    from rensa import RMinHash, RMinHashLSH

    ids, texts = _read(source)
    index, union = RMinHashLSH(threshold=0.8, num_perm=BANDS * ROWS, num_bands=BANDS), _Union(len(ids))
    for row, text in enumerate(texts):
        sketch = RMinHash(num_perm=BANDS * ROWS, seed=1)
        sketch.update(list(_shingles(text)))
        for other in index.query(sketch):
            union.join(row, other)
        index.insert(row, sketch)
    return (name for row, name in enumerate(ids) if union.root(row) == row)


def text_dedup(source: Path, work: Path) -> Iterable[str]:
    from datasets import load_from_disk
    from text_dedup.minhash import main

    files = {"--path": "parquet", "--data_files": source / "*.parquet", "--split": "train", "--output": work / "out"}
    settings = {"--column": "text", "--ngram": NGRAM, "--num_perm": BANDS * ROWS, "--b": BANDS, "--r": ROWS}
    options = {**files, "--cache_dir": work / "cache", "--num_proc": 1, "--batch_size": 10_000, **settings}
    main([str(word) for option in options.items() for word in option], standalone_mode=False)
    return list(load_from_disk(str(work / "out"))["id"])


def _read(source: Path) -> tuple[list[str], list[str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(source, columns=["id", "text"])
    return table["id"].to_pylist(), table["text"].to_pylist()


def _shingles(text: str) -> set[str]:
    words = re.sub(r"\W+", " ", text.lower()).split()
    return {" ".join(words[first : first + NGRAM]) for first in range(max(1, len(words) - NGRAM + 1))}


class _Union:
    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def root(self, node: int) -> int:
        while self.parent[node] != node:
            self.parent[node] = node = self.parent[self.parent[node]]
        return node

    def join(self, one: int, other: int) -> None:
        a, b = sorted((self.root(one), self.root(other)))
        self.parent[b] = a


TOOLS: dict[str, Callable[[Path, Path], Iterable[str]]] = {
    "orefine": orefine,
    "orefine_strict": orefine_strict,
    "orefine_unverified": orefine_unverified,
    "datatrove": datatrove,
    "text_dedup": text_dedup,
    "datasketch": datasketch,
    "rensa": rensa,
}


def _seconds() -> tuple[float, float]:
    """(CPU, wall) seconds so far, those of finished child processes included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used), time.monotonic()


def _timed(tool: str, source: Path, work: Path) -> None:
    work.mkdir()
    before = _seconds()
    kept = list(TOOLS[tool](source, work))
    cpu, wall = (after - start for after, start in zip(_seconds(), before, strict=True))
    (work / "kept").write_text("".join(f"{name}\n" for name in kept))
    # Not ru_maxrss, which starts from that of the process that started this one.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024
    disk = sum(file.stat().st_size for file in work.rglob("*") if file.is_file() and not file.is_symlink()) / 1e6
    (work / "cost").write_text(json.dumps({"cpu": cpu, "wall": wall, "peak": peak, "disk": disk}))


if __name__ == "__main__":
    tool, source, work, warm_up = sys.argv[1], *map(Path, sys.argv[2:])
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    try:
        _timed(tool, warm_up, work / "warm_up")
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    _timed(tool, source, work / "run")
