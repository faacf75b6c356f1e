"""The formula for disk and memory, against what a run takes."""

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.grouping import Grouping
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.runners import InlineRunner
from pipeline.run.space import DoesNotFit
from pipeline.store.local import LocalStore
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates
from stages.l1_filter.duplicates.near_graph import CANDIDATES
from stages.l1_filter.duplicates.near_plan import plan

WORDS = ["".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=3 + seed % 5)) for seed in range(5000)]
PARTS = ("work", "index")

# The peak of one process in KiB. Not ru_maxrss, which starts from that of the process that started this one.
PEAK = """
from tests.stages.l1_filter.duplicates.test_near_plan import run
run({folder!r}, {documents})
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def write(folder: Path, documents: int) -> float:
    """Write documents of which 3 of 10 are edits of an earlier one; bytes of a text."""
    draw, texts = random.Random(3), []
    for _ in range(documents):
        text = list(draw.choice(texts)) if texts and draw.random() < 0.3 else draw.choices(WORDS, k=500)
        for _ in range(draw.choice((1, 3, 5))):
            text[draw.randrange(500)] = draw.choice(WORDS)
        texts.append(text)
    rows = [{"id": f"{draw.getrandbits(128):032x}", "text": " ".join(text)} for text in texts]
    pq.write_table(pa.Table.from_pylist(rows, BASE_SCHEMA), folder / "0.parquet", row_group_size=20_000)
    return sum(len(row["text"]) for row in rows) / documents


def run(folder: str, documents: int) -> float:
    """The share of candidates."""
    grouping = Grouping(LocalStore(folder), InlineRunner(), "work", [ShardRows(0, "0.parquet", documents)])
    NearDuplicates(index=True).group(grouping)
    return grouping.counters[CANDIDATES] / documents


@pytest.mark.parametrize("documents", [1000, 6000])
def test_disk_is_as_planned(tmp_path: Path, documents: int):
    text_bytes = write(tmp_path, documents)
    planned = plan(documents, text_bytes, candidates=run(str(tmp_path), documents), kept=0.75, index=True)
    written, index = (sum(file.stat().st_size for file in tmp_path.rglob(f"{part}/**/*.arrow")) for part in PARTS)
    assert written == pytest.approx(planned.disk, rel=0.25)
    assert index == pytest.approx(planned.index_disk, rel=0.25)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures through /proc")
@pytest.mark.parametrize("documents", [10_000, 40_000])
def test_memory_is_as_planned(tmp_path: Path, documents: int):
    text_bytes = write(tmp_path, documents)
    code = PEAK.format(folder=str(tmp_path), documents=documents)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    planned = plan(documents, text_bytes, candidates=0.45, kept=0.75, index=True)
    assert 1024 * int(done.stdout) == pytest.approx(planned.memory, rel=0.25)


def test_what_cannot_fit_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pq.write_table(pa.Table.from_pylist([{"id": "a", "text": "a b c"}], BASE_SCHEMA), tmp_path / "0.parquet")
    grouping = Grouping(LocalStore(tmp_path), InlineRunner(), "work", [ShardRows(0, "0.parquet", 10**13)])
    with pytest.raises(DoesNotFit, match=r"near_duplicates: 4,480,000\.0 GB more on disk, but .* has .* GB free"):
        NearDuplicates().group(grouping)
    monkeypatch.setattr("pipeline.run.grouping.machine_memory", lambda: 100 << 20)
    grouping = Grouping(LocalStore(tmp_path), InlineRunner(), "work", [ShardRows(0, "0.parquet", 1)])
    with pytest.raises(DoesNotFit, match=r"0\.\d GB of memory, but this machine has 0\.1 GB; take a larger one"):
        NearDuplicates().group(grouping)
    assert not (tmp_path / "work").exists()


def test_the_largest_task_grows_with_the_candidates_only_at_the_end():
    small, large = plan(10**6, 5000), plan(10**9, 5000)
    assert small.memory < 1 << 30
    assert large.memory > 20e9
    assert large.memory - large.components == 330 << 20
