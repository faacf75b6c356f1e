"""Faults of the surroundings: no row is blamed, nothing is published, and the next run gives what a clean one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.run.level import Finished, LevelError, run_level
from pipeline.run.poison import MAXIMUM_POISON, find_poison
from pipeline.run.rowpass import KILLED
from pipeline.run.runners import InlineRunner
from pipeline.run.runners.ray import RayRunner
from pipeline.steps import DocumentFilter, Fault, Filter, Judgement, is_fault
from pipeline.store.store import LocalStore
from tests.flows.helpers import rows
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, l1, silent, write_lines
from tests.pipeline.run.test_level import read

LINES = ["apple pie is good", "banana split", "cherry cake", "apple tart is better"]
ERRORS = {
    "disk full": OSError(28, "No space left on device"),
    "out of memory": MemoryError("no room for 3 GB"),
    "missing library": ImportError("No module named 'lxml_html_clean'"),
    "dead engine": Fault("the engine died"),
}


class Breaks(Filter):
    """Keeps everything; raises what the test put into `error`, on every batch."""

    kind: Literal["breaks"] = "breaks"
    error: str = ""

    def judge(self, batch: Batch) -> Judgement:
        if os.environ.get("BREAKS"):
            raise ERRORS[self.error]
        return Judgement(len(batch))


class BreaksByDocument(DocumentFilter):
    """The same for a filter in plain Python, on its second document."""

    kind: Literal["breaks_by_document"] = "breaks_by_document"
    error: str = ""

    def reason_to_drop(self, document: Document) -> str | None:
        if os.environ.get("BREAKS") and "banana" in document.text:
            raise ERRORS[self.error]
        return None


class Kills(DocumentFilter):
    """Kills its process on a text with the word `kill`, as a defect in a C library does."""

    kind: Literal["kills"] = "kills"

    def reason_to_drop(self, document: Document) -> str | None:
        if "kill" in document.text:
            os._exit(1)
        return None


def refine(folder: Path, *steps: Any) -> tuple[LocalStore, Finished]:
    store = LocalStore(folder / "store")
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", LINES))
    return store, run_level(l1(*steps), store, InlineRunner(), silent, parent=first)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", [Breaks, BreaksByDocument])
@pytest.mark.parametrize("before", [(), (SameFirstWord(),)], ids=["one pass", "after a shuffle"])
def test_a_fault_in_a_step_ends_the_run_and_the_next_one_goes_on(tmp_path, monkeypatch, error, kind, before):
    monkeypatch.setattr("pipeline.run.runners.runner.BACK_OFF", 0)
    step = kind(error=error)
    _, clean = refine(tmp_path / "clean", *before, step)
    monkeypatch.setenv("BREAKS", "1")
    with pytest.raises(LevelError, match=r"shard 0 \(.*\) failed with .*run the same command again"):
        refine(tmp_path / "faulty", *before, step)
    assert not list((tmp_path / "faulty/store/l1_filter").rglob("quarantine/*")), "no row may be blamed"
    monkeypatch.delenv("BREAKS")
    _, mended = refine(tmp_path / "faulty", *before, step)
    assert not mended.reused
    assert mended.manifest.content_id == clean.manifest.content_id
    assert mended.manifest.quarantined == 0


def test_an_error_that_a_row_can_cause_is_no_fault():
    errors = (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ValueError("x"), KeyError("x"), RecursionError("deep"))
    assert not any(is_fault(error) for error in errors)
    assert all(is_fault(error) for error in (*ERRORS.values(), TimeoutError(), BrokenPipeError()))


RECIPE = Path(__file__).parent / "flows" / "l1.yaml"


@pytest.mark.parametrize("kilobytes", [8, 24])
def test_a_file_that_cannot_grow_publishes_nothing(tmp_path: Path, kilobytes: int):
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(200)))
    command = [sys.executable, "-m", "flows.cli", "run", str(RECIPE), "--input", str(source), "--json", "--store"]

    def run(store: str, limit: str) -> subprocess.CompletedProcess[str]:
        line = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *command, str(tmp_path / store)]
        return subprocess.run(line, capture_output=True, text=True, timeout=300)

    faulty = run("faulty", str(kilobytes))
    assert faulty.returncode == 1, faulty.stderr
    (line,) = [line for line in faulty.stderr.splitlines() if line.startswith("orefine: ")]
    assert "File too large" in line
    assert not (tmp_path / "faulty" / "refs").exists()
    assert not list((tmp_path / "faulty").glob("releases/*/*/manifest.json"))
    again, clean = run("faulty", "unlimited"), run("clean", "unlimited")
    assert again.returncode == 0, again.stderr
    found, expected = (json.loads(done.stdout.splitlines()[-1]) for done in (again, clean))
    assert found["content_id"] == expected["content_id"]
    assert [level["quarantined"] for level in found["levels"]] == [0, 0, 0]


@pytest.fixture
def ray_runner():
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray

    yield RayRunner(workers=2)
    ray.shutdown()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings about its future defaults
def test_a_row_that_kills_its_worker_is_found_and_costs_no_other(ray_runner, tmp_path: Path):
    lines = [f"word{number} and more of it" for number in range(20)]
    lines[7] = "this one will kill"
    store = LocalStore(tmp_path / "store")
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", lines, LINES))
    steps = (MinWords(), Kills(), SameFirstWord())
    second = run_level(l1(*steps), store, ray_runner, silent, parent=first)
    (bad,) = read(store, second, "quarantine")
    assert (bad["error"], second.manifest.quarantined) == (KILLED, 1)
    kept = {row["text"] for row in read(store, second, "data")}
    assert kept >= {line for line in lines if "kill" not in line}
    assert second.manifest.rows_in == 24


class Deaths:
    """A runner whose workers die on tasks that hold one of these rows."""

    def __init__(self, deadly: set[int], reading: bool = False) -> None:
        self.deadly, self.reading, self.tries = deadly, reading, 0

    def map(self, function, tasks, resources=None):
        from pipeline.steps import WorkerDied

        for index, probe in enumerate(tasks):
            self.tries += 1
            dies = self.reading or bool(self.deadly & set(range(probe.start, probe.stop)))
            yield index, WorkerDied("killed") if dies else 1000


def test_poison_is_found_by_halving():
    runner = Deaths({3, 500, 999})
    assert find_poison(None, runner) == (3, 500, 999)
    assert runner.tries < 70, "log2(1000) ranges and their neighbours for each"
    assert find_poison(None, Deaths(set())) == ()


def test_a_worker_that_dies_everywhere_is_no_rows_fault():
    with pytest.raises(Fault, match="while it reads"):
        find_poison(None, Deaths(set(), reading=True))
    with pytest.raises(Fault, match=f"more than {MAXIMUM_POISON} rows"):
        find_poison(None, Deaths(set(range(1000))))
