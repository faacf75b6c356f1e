"""What a run of many shards costs before and beside the work: the plan, and finding finished shards again.

Inputs are Parquet files of one row each. For `resume` the shard records of L0 and L1 are written as a run would leave
them that was killed before the manifest of L1: the run then plans, finds L0, finds each shard of L1 done, and writes
the manifest. Each measurement is a process of its own; the memory is its peak.

    python -m benchmarks.plan_10k [--shards 10000] [--folder FOLDER] [--bucket]

`--bucket`: the store lies in a bucket of a server that is started here (moto, on one core beside what is measured).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from flows.runs.recipe import Recipe, load_recipe
from flows.runs.run import plan_recipe
from pipeline.books.accounting import AtStep, Counts, Passage, total
from pipeline.books.manifest import Manifest, ShardRecord, content_id, dump
from pipeline.rows.document import content_hash
from pipeline.run.level import Level, directory_of, find_level, run_level
from pipeline.run.plan import LevelPlan
from pipeline.run.runners import InlineRunner
from pipeline.run.shards import READERS
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry, ShardWriter
from pipeline.store.store import Store, open_store
from tests.buckets import make_bucket, s3_server, variables

RECIPE = {
    "dataset": "many",
    "l0_collect": {"source": {"kind": "parquet", "paths": []}},
    "l1_filter": {"steps": [{"kind": "gopher_quality"}, {"kind": "c4_quality"}, {"kind": "fineweb_quality"}]},
}


def write_inputs(folder: Path, shards: int) -> Recipe:
    """The recipe over so many files."""
    (folder / "in").mkdir(parents=True)
    for number in range(shards):
        table = pa.table({"text": [f"document {number}"], "url": [f"https://example.org/{number}"]})
        pq.write_table(table, folder / "in" / f"{number:05d}.parquet")
    levels = RECIPE | {"l0_collect": {"source": {"kind": "parquet", "paths": [str(folder / "in")]}}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(levels))
    return load_recipe(str(folder / "recipe.yaml"))


def leave_behind(store: Store, recipe: Recipe) -> None:
    """A store as a killed run leaves it: L0 complete, all shards of L1, no manifest of L1."""
    plan = plan_recipe(recipe, store)
    inputs = [{"path": file.path, "sha256": file.sha256} for file in plan.inputs]
    for level, planned in zip(recipe.levels(), plan.levels, strict=True):
        directory = directory_of(level, planned.recipe_id)
        records = [_record(level, directory, shard) for shard in range(len(inputs))]
        with ThreadPoolExecutor(READERS) as pool:
            for _ in pool.map(lambda record, folder=directory: _write(store, folder, record), records):
                pass
        if level.source is not None:
            _finish(store, level, planned, directory, records, inputs)


def _record(level: Level, directory: str, shard: int) -> ShardRecord:
    names = [f"{place:02d} {step.kind}" for place, step in enumerate(level.all_steps(), 0 if level.source else 1)]
    kept = 1000 if level.source else 1000 - len(names) * 3  # what L0 gave comes to L1
    passages: dict[str, Passage] = {name: Passage(rows_in=1000, dropped={"too_few_words": 3}) for name in names}
    files = [
        FileEntry(
            role=role,
            path=f"{directory}/{role}/part-{shard:05d}.parquet",
            rows=1000,
            sha256=content_hash(f"{directory} {role} {shard}") * 2,
            bytes=1 << 20,
        )
        for role in ("data", "dropped", "quarantine")
    ]
    counts = Counts(
        rows_in=kept + len(names) * 3,
        rows_out=kept,
        dropped={f"{name[3:]}.too_few_words": 3 for name in names},
        by_step={name: AtStep(rows_in=1000, dropped={"too_few_words": 3}) for name in names},
        groups={"source": {"example.org": passages}},
    )
    return ShardRecord(shard=shard, input={"sha256": "", "start": 0}, counts=counts, files=files, seconds=1.0)


def _finish(
    store: Store,
    level: Level,
    planned: LevelPlan,
    directory: str,
    records: list[ShardRecord],
    inputs: list[dict[str, Any]],
) -> None:
    files = [
        file.model_copy(update={"path": file.path.removeprefix(f"{directory}/")})
        for record in records
        for file in record.files
    ]
    with ShardWriter(store, f"{directory}/data/part-00000.parquet", planned.schema) as first:  # the next level reads
        real = first.commit("data").model_copy(update={"rows": 1000})  # its columns
    files = [
        real.model_copy(update={"path": file.path}) if real.path.endswith(f"/{file.path}") else file for file in files
    ]
    manifest = Manifest(
        level=level.name,
        dataset=level.dataset,
        recipe_id=planned.recipe_id,
        content_id=content_id(files),
        inputs=inputs,
        steps=[step.identity() for step in level.all_steps()],
        versions={},
        seconds=1.0,
        files=sorted(files, key=lambda file: (file.role, file.path)),
        **total(record.counts for record in records).model_dump(),
    )
    store.create(f"{directory}/manifest.json", dump(manifest))


def _write(store: Store, directory: str, record: ShardRecord) -> None:
    """On a disk without the store's fsync, which costs minutes for so many."""
    path, data = f"{directory}/shards/part-{record.shard:05d}.json", dump(record)
    if isinstance(store, LocalStore):
        target = Path(store.shown(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    else:
        store.create(path, data)


def measure(what: str, folder: Path, location: str) -> dict[str, Any]:
    """Seconds by the clock and of a core, and peak memory of `plan` or `resume` in this process."""
    recipe, store = load_recipe(str(folder / "recipe.yaml")), open_store(location)
    started, busy = time.perf_counter(), time.process_time()
    plan = plan_recipe(recipe, store)
    plan.check()
    if what == "resume":
        first, second = recipe.levels()
        parent = find_level(store, first, plan.levels[0].recipe_id)
        done = run_level(second, store, InlineRunner(), lambda *_: None, parent=parent)
        assert done.manifest.rows_in == 1000 * len(plan.inputs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    states = {level.level: f"{level.state}, {level.shards_done} of {level.shards}" for level in plan.levels}
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    return {"seconds": round(seconds, 2), "cpu": round(busy, 2), "peak_mb": round(peak), "levels": states}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--bucket", action="store_true")
    parser.add_argument("--measure", choices=("plan", "resume"), help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.folder, arguments.store)))
        return
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder))
        store = f"{scratch}/store"
        if arguments.bucket:
            endpoint = stack.enter_context(s3_server())
            os.environ |= variables(endpoint)
            store = f"s3://{make_bucket(endpoint, 'benchmark')}/store"
        recipe = write_inputs(Path(scratch), arguments.shards)
        for what in ("plan", "resume"):
            if what == "resume":
                leave_behind(open_store(store), recipe)
            options = ["--measure", what, "--folder", scratch, "--store", store]
            command = [sys.executable, "-m", "benchmarks.plan_10k", *options]
            done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            times = f"{done['seconds']:>7.2f} s, {done['cpu']:>6.2f} s of one core"
            print(f"{what:<8} {times}, {done['peak_mb']:>6,} MB  {done['levels']}", flush=True)


if __name__ == "__main__":
    main()
