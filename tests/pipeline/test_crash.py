"""SIGKILL at random moments, then run again: nothing is lost, nothing is there twice, the content id is the same.

Fifty kills of a run of two levels, two shuffles and eight shards. The seed is fixed, so a failure can be repeated; the
moments still vary with the machine, which is what is wanted.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.store import LocalStore

KILLS = 50
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from pipeline.level import InputFile, run_level
from pipeline.release import publish
from pipeline.runner import InlineRunner
from pipeline.shard import file_sha256
from pipeline.store import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent
store, paths = LocalStore(sys.argv[1]), sorted(Path(sys.argv[2]).iterdir())
print("ready", flush=True)
first = run_level(l0(), store, InlineRunner(), silent, [InputFile(str(path), file_sha256(path)) for path in paths])
second = run_level(l1(MinWords(), SameFirstWord(), Shout()), store, InlineRunner(), silent, parent=first)
print(publish(store, [first, second]).content_id, flush=True)
"""


def start(store: Path, inputs: Path) -> subprocess.Popen[str]:
    program = PROGRAM.format(root=str(Path(__file__).resolve().parents[2]))
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store), str(inputs)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"  # imports done: from here on a kill can hurt
    return process


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.strip()


@pytest.mark.slow
def test_fifty_kills_lose_and_duplicate_nothing(tmp_path: Path):
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for number in range(8):
        lines = [f"word{(number * 40 + line) % 97} is line {line} of file {number}" for line in range(40)]
        (inputs / f"{number}.txt").write_text("\n".join([*lines, f"short{number}", ""]))
    process, began = start(tmp_path / "clean", inputs), time.monotonic()
    clean, length = finish(process), time.monotonic() - began

    moments = random.Random(20261121)
    kills = finished = 0
    store = tmp_path / "store0"
    while kills < KILLS:
        process = start(store, inputs)
        time.sleep(moments.uniform(0, length))
        os.kill(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        killed = process.returncode == -signal.SIGKILL and not out.strip()
        kills += killed
        if not killed or kills % 5 == 0:  # several kills hit one run before it may finish
            assert finish(start(store, inputs)) == clean
            check(LocalStore(store))
            finished += 1
            store = tmp_path / f"store{finished}"
    assert finished >= KILLS // 5


def check(store: LocalStore) -> None:
    """Every input row has one fate, every file is as its manifest says, nothing unfinished is left but temporaries."""
    for level, rows_in in (("l0_collect", 8 * 41), ("l1_filter", 8 * 41)):
        (path,) = [path for path in store.list(level) if path.endswith("manifest.json")]
        manifest = json.loads(store.read(path))
        folder = path.rsplit("/", 1)[0]
        assert manifest["rows_in"] == rows_in
        assert manifest["rows_out"] + sum(manifest["dropped"].values()) == rows_in
        ids = []
        for file in manifest["files"]:
            table = pq.read_table(store.location(f"{folder}/{file['path']}"))
            assert table.num_rows == file["rows"]
            if file["role"] in ("data", "dropped"):
                ids += table.column("id").to_pylist()
        assert len(ids) == len(set(ids)) == rows_in
        assert not store.list(f"{folder}/work")
