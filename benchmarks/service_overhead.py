"""What the service costs a run beside the bare levels: Prefect, plan, manifests, accounting, hashes, release, report.

Both sides take the same Parquet files (FineWeb from FOLDER/fineweb, repeated with a line of its own at each document's
end) through L0 and the filters of L1 to Parquet of the same kind. The bare side reads, identifies, calls the steps on
the batches and writes what stays, in one loop. The other is `orefine run --prefect` with a server that is there, as
under `orefine serve`; what the server takes meanwhile counts. Both run at the same time, so that they meet the machine
in the same state, and are compared by the CPU seconds of whole processes, start and imports included.

    python -m benchmarks.service_overhead FOLDER [--megabytes 1000] [--files 4]
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.l1_level import LISTS, read_texts, repeated, write_shard
from flows.runs.recipe import load_recipe
from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, to_schema
from pipeline.run.incoming import identify
from pipeline.run.passes import schema_after
from pipeline.steps import RowStep
from pipeline.store.shard import ROW_GROUP_BYTES, read_batches

KINDS = "language gopher_repetition gopher_quality c4_quality fineweb_quality personal_data"


class Writer:
    """Parquet as levels have it (`pipeline.store.shard`), without temporary name, fsync and hash."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        kind = {"write_page_index": True, "write_page_checksum": True, "use_content_defined_chunking": True}
        self._file, self._schema, self._size = pq.ParquetWriter(path, schema, compression="zstd", **kind), schema, 0
        self._rows: list[pa.RecordBatch] = []

    def write(self, batch: Batch) -> None:
        self._rows.append(to_schema(batch.rows, self._schema))
        self._size += self._rows[-1].get_total_buffer_size()
        if self._size >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        table = pa.Table.from_batches(self._rows, self._schema)
        self._file.write_table(table, row_group_size=max(len(table), 1))
        self._rows, self._size = [], 0

    def close(self) -> None:
        self.flush()
        self._file.close()


def bare(recipe: Path, files: list[str], out: Path) -> int:
    """Rows that stay."""
    collect, refine = load_recipe(str(recipe), files).levels()
    source, steps = collect.source, [step for step in refine.steps if isinstance(step, RowStep)]
    assert source is not None
    for step in steps:
        step.prepare()
    schema, kept = schema_after(BASE_SCHEMA, steps), 0
    for number, unit in enumerate(unit for file in files for unit in source.units(file, "")):
        first, second = (out / f"{level}-{number}.parquet" for level in ("l0", "l1"))
        writer = Writer(first, BASE_SCHEMA)
        for found in source.read(unit):
            writer.write(identify(Batch(found.rows)))
        writer.close()
        writer = Writer(second, schema)
        for rows in read_batches(first):
            batch = Batch(rows)
            for step in steps:
                outcome = step.process(batch)
                batch = outcome.batch.filter(outcome.judgement.kept) if outcome.judgement else outcome.batch
            kept += len(batch)
            writer.write(batch)
        writer.close()
    return kept


def server(home: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """Prefect's, ready, and the environment of who talks to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | settings, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}/api"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return process, settings | {"PREFECT_API_URL": url}
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("Prefect's server did not start")


def cpu_of(process: psutil.Process) -> float:
    return float(sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=1000, help="of text")
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--bare", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        recipe, out = map(Path, options.bare)
        print(bare(recipe, sorted(map(str, options.folder.glob("*.parquet"))), out))
        return

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("in", "bare", "home"):
            (folder / name).mkdir()
        texts = repeated(read_texts(options.folder), options.megabytes)
        files = [
            write_shard(folder / "in", texts[part :: options.files], f"{part:03d}") for part in range(options.files)
        ]
        del texts
        for name, content in LISTS.items():
            (folder / f"{name}.txt").write_text(content, encoding="utf-8")
        lists = ", ".join(f"{name}: {folder / name}.txt" for name in LISTS)
        steps = [f"{{kind: url_filter, {lists}}}", *(f"{{kind: {kind}}}" for kind in KINDS.split())]
        recipe = folder / "recipe.yaml"
        recipe.write_text(
            "dataset: speed\nl0_collect: {source: {kind: parquet, source: fineweb, paths: [x]}}\n"
            f"l1_filter:\n  steps: [{', '.join(steps)}]\n",
            encoding="utf-8",
        )
        process, settings = server(folder / "home")
        try:
            watched = psutil.Process(process.pid)
            before = cpu_of(watched)
            ours = [sys.executable, "-m", "benchmarks.service_overhead", str(folder / "in"), "--bare"]
            theirs = [sys.executable, "-m", "flows.cli", "run", str(recipe), "--store", str(folder / "store")]
            theirs += [*(part for file in files for part in ("--input", file.path)), "--prefect", "--runner", "inline"]
            with (folder / "bare.txt").open("w") as said:
                sides = [
                    subprocess.Popen([*ours, str(recipe), str(folder / "bare")], stdout=said),
                    subprocess.Popen(theirs, env=os.environ | settings),
                ]
                ended = {pid: (status, usage) for pid, status, usage in (os.wait4(side.pid, 0) for side in sides)}
            assert all(status == 0 for status, _ in ended.values())
            bare_cpu, run_cpu = (ended[side.pid][1].ru_utime + ended[side.pid][1].ru_stime for side in sides)
            server_cpu = cpu_of(watched) - before
        finally:
            process.terminate()
            process.wait(30)
        rows = sum(pq.read_metadata(file).num_rows for file in (folder / "store").glob("releases/*/*/data/*.parquet"))
        assert rows == int((folder / "bare.txt").read_text().split()[-1])
        print(f"{options.megabytes} MB of text in {options.files} files, {rows:,} rows stay")
        print(f"bare levels {bare_cpu:.1f} CPU s; run {run_cpu:.1f}, Prefect's server {server_cpu:.1f} meanwhile")
        print(f"with all of it {(run_cpu + server_cpu) / bare_cpu:.3f} of the bare levels")


if __name__ == "__main__":
    main()
