"""SIGKILL at random moments, then run again: nothing is lost, nothing is there twice, the content id is the same.

Fifty kills of a run of two levels, a shuffle and eight shards. The seed is fixed; the moments still vary with the
machine, which is what is wanted.
"""

import json
import multiprocessing
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.publish.release import publish
from pipeline.run.level import InputFile, run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent

KILLS = 50
ROWS = 8 * 41


def refine(store: Path, inputs: Path) -> None:
    """What is killed: a whole run, which says at its end what it published."""
    place = LocalStore(store)
    files = [InputFile(str(path), file_sha256(path)) for path in sorted(inputs.iterdir())]
    first = run_level(l0(), place, InlineRunner(), silent, files)
    steps = (MinWords(), SameFirstWord(), Shout())
    second = run_level(l1(*steps), place, InlineRunner(), silent, parent=first)
    place.replace("result", publish(place, [first, second]).content_id.encode())


@pytest.mark.slow
def test_fifty_kills_lose_and_duplicate_nothing(tmp_path: Path):
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for number in range(8):
        lines = [f"word{(number * 40 + line) % 97} is line {line} of file {number}" for line in range(40)]
        (inputs / f"{number}.txt").write_text("\n".join([*lines, f"short{number}", ""]))
    # A server that has imported everything forks each run: what is killed is work, not imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pipeline.run.test_crash"])

    def start(store: Path) -> BaseProcess:
        process = context.Process(target=refine, args=(store, inputs))
        process.start()
        return process

    start(tmp_path / "warm").join()
    began = time.monotonic()
    start(tmp_path / "clean").join()
    length = time.monotonic() - began
    clean = (tmp_path / "clean" / "result").read_bytes()

    moments = random.Random(20261121)
    kills = checked = 0
    while kills < KILLS:
        store = tmp_path / f"store{checked}"
        for _ in range(moments.randint(1, 5)):  # several kills may hit one run
            process = start(store)
            time.sleep(moments.uniform(0, length))
            process.kill()
            process.join()
            kills += process.exitcode == -9
        start(store).join()
        assert (store / "result").read_bytes() == clean
        check(LocalStore(store))
        checked += 1


def check(store: LocalStore) -> None:
    """Every input row has one fate, every file is as its manifest says, no unfinished pass is left."""
    for level in ("l0_collect", "l1_filter"):
        (path,) = [path for path in store.list(level) if path.endswith("manifest.json")]
        manifest = json.loads(store.read(path))
        folder = path.rsplit("/", 1)[0]
        assert manifest["rows_in"] == ROWS
        assert manifest["rows_out"] + sum(manifest["dropped"].values()) == ROWS
        ids = []
        for file in manifest["files"]:
            table = pq.read_table(store.shown(f"{folder}/{file['path']}"))
            assert table.num_rows == file["rows"]
            if file["role"] in ("data", "dropped"):
                ids += table.column("id").to_pylist()
        assert len(ids) == len(set(ids)) == ROWS
        assert not store.list(f"{folder}/work")
