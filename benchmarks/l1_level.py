"""The whole of L1 without deduplication, Parquet to Parquet: speed on one core, two Ray workers against one, memory.

The input is English FineWeb from FOLDER/fineweb, repeated with a line of its own at each document's end, in 16 shards.
Speed is text read per CPU second of a warm process; reading, writing, checksums and fsync are in it. Ray workers are
compared by wall time, start of Ray and import of the kernels left out, on as many cores as the machine has left, and by
the CPU seconds of all processes, which other work on the machine hardly changes. Memory
is the peak of a process of its own that runs one shard through L0 or L1, with documents as they are and with a large
one among them, of many lines or of one line without a space: of 100 MB, which L0 drops, and as large as L0 lets pass.

    python -m benchmarks.l1_level FOLDER [--megabytes 256] [--json results.json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import Runner, open_runner
from pipeline.run.runners.ray import RayRunner
from pipeline.store.shard import file_sha256
from pipeline.store.store import open_store
from stages.l0_collect.readers.parquet import ParquetSource
from stages.l1_filter.heuristics.c4_quality import C4Quality
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l1_filter.language import Language
from stages.l1_filter.personal_data import PersonalData
from stages.l1_filter.url_filter import UrlFilter

SHARDS = 16
LISTS = {"domains": "blocked.example\n", "banned_words": "casino\n", "banned_subwords": "xxx\n"}


def write_shard(folder: Path, texts: list[str], name: str) -> InputFile:
    path = folder / f"{name}.parquet"
    urls = [f"https://site{index % 97}.example.org/{name}/{index}" for index in range(len(texts))]
    pq.write_table(pa.table({"text": texts, "url": urls}), path, row_group_size=1000)
    return InputFile(str(path), file_sha256(path))


def read_texts(folder: Path) -> list[str]:
    parts = sorted(folder.glob("fineweb/part-*.parquet"))[:4]
    return [text for part in parts for text in pq.read_table(part, columns=["text"]).column("text").to_pylist()]


def repeated(texts: list[str], megabytes: int) -> list[str]:
    """So much text: the documents again and again, each copy with a last line of its own."""
    found, size, copy = [], 0, 0
    while size < megabytes * 1_000_000:
        for text in texts:
            found.append(f"{text}\nThis is copy number {copy} of the document above.")
            size += len(found[-1].encode())
            if size >= megabytes * 1_000_000:
                break
        copy += 1
    return found


def filters(folder: Path) -> Level:
    lists = {}
    for name, content in LISTS.items():
        lists[name] = str(folder / f"{name}.txt")
        Path(lists[name]).write_text(content, encoding="utf-8")
    steps = (Language(), UrlFilter(**lists), GopherRepetition(), GopherQuality(), C4Quality(), FineWebQuality())
    return Level("l1_filter", "speed", (*steps, PersonalData()))


def collect(folder: Path, files: list[InputFile], store: str) -> Finished:
    level = Level("l0_collect", "speed", (), source=ParquetSource(source="fineweb"))
    return run_level(level, open_store(store), open_runner("inline"), lambda *_: None, inputs=files)


def refine(folder: Path, l0: Finished, store: str, runner: Runner, part: str) -> tuple[Finished, float, float]:
    """The level, the wall and the CPU seconds of all processes. `part` names the data set, so that nothing is found."""
    level = filters(folder)
    level = Level(level.name, part, level.steps)
    wall, cpu = time.perf_counter(), cpu_seconds()
    done = run_level(level, open_store(store), runner, lambda *_: None, parent=l0)
    return done, time.perf_counter() - wall, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """Of this process and all below it."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    found = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])  # with those of its children that have ended
    return found


def measure_speed(folder: Path, l0: Finished, store: str) -> dict[str, Any]:
    import ray

    refine(folder, l0, store, open_runner("inline"), "warm-up")
    done, wall, cpu = refine(folder, l0, store, open_runner("inline"), "inline")
    megabytes = done.manifest.bytes_in / 1e6
    row: dict[str, Any] = {
        "megabytes": megabytes,
        "rows_in": done.manifest.rows_in,
        "rows_out": done.manifest.rows_out,
        "megabytes_per_cpu_second": megabytes / cpu,
        "megabytes_per_second": megabytes / wall,
    }
    for workers in (1, 2):
        runner = RayRunner(workers=workers)
        refine(folder, l0, store, runner, f"ray-{workers}-warm-up")
        again, wall, cpu = refine(folder, l0, store, runner, f"ray-{workers}")
        assert again.manifest.content_id == done.manifest.content_id
        row |= {f"ray_{workers}_seconds": wall, f"ray_{workers}_cpu_seconds": cpu}
        ray.shutdown()
    return row | {"two_workers_against_one": row["ray_1_seconds"] / row["ray_2_seconds"]}


def measure_memory(folder: Path, texts: list[str], megabytes: int) -> list[dict[str, Any]]:
    """Peak memory of processes that run one shard of so many megabytes through L0, and then through L1."""
    sentence = "The long document goes on and on, and this is one of its many sentences. "
    rows = []
    lines, no_space = (
        lambda size: (3 * sentence + "\n") * (size // (3 * len(sentence))),
        lambda size: "ab" * (size // 2),
    )
    documents = {
        "as they are": "", "100 MB of lines": lines(100 << 20), "100 MB without a space": no_space(100 << 20),
        "16 MB of lines": lines(16 << 20), "16 MB without a space": no_space(16 << 20),
    }  # fmt: skip
    for name, large in documents.items():
        shard = repeated(texts, megabytes - len(large) // 1_000_000)
        if large:
            shard.insert(len(shard) // 2, large)
        file = write_shard(folder, shard, "memory")
        store = tempfile.mkdtemp(dir=folder)
        for level in ("l0_collect", "l1_filter"):
            command = [sys.executable, "-m", "benchmarks.l1_level", str(folder), "--one-shard", level, store, file.path]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append({"level": level, "documents": name, **json.loads(done.stdout.splitlines()[-1])})
    return rows


def run_one_shard(folder: Path, level: str, store: str, path: str) -> None:
    """The child of `measure_memory`; L1 finds L0 done."""
    started = time.perf_counter()
    done = collect(folder, [InputFile(path, file_sha256(Path(path)))], store)
    if level == "l1_filter":
        done, _, _ = refine(folder, done, store, open_runner("inline"), "memory")
    # Not ru_maxrss: a child's begins with what its parent held.
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    result = {
        "megabytes": done.manifest.bytes_in / 1e6,
        "rows_out": done.manifest.rows_out,
        "dropped": sum(done.manifest.dropped.values()),
        "seconds": time.perf_counter() - started,
        "peak_mib": int(status["VmHWM"].split()[0]) / 1024,
    }
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=256, help="of text, for speed")
    parser.add_argument("--shard-megabytes", type=int, default=500, help="of text, for memory; 0: leave it out")
    parser.add_argument("--one-shard", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.one_shard:
        return run_one_shard(options.folder, *options.one_shard)

    texts = read_texts(options.folder)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        grown = repeated(texts, options.megabytes)
        files = [write_shard(folder, grown[shard::SHARDS], f"part-{shard:02d}") for shard in range(SHARDS)]
        results["speed"] = measure_speed(folder, collect(folder, files, str(folder / "s")), str(folder / "s"))
        for name, value in results["speed"].items():
            print(f"{name:28}{value:10.1f}")
        if options.shard_megabytes:
            results["memory"] = measure_memory(folder, texts, options.shard_megabytes)
            for row in results["memory"]:
                where = f"{row['level']}, {row['documents']}"
                print(f"{where:28}{row['megabytes']:7.0f} MB{row['peak_mib']:8.0f} MiB{row['seconds']:7.1f} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
