"""Faults of the surroundings: no row is blamed, nothing is published, and the next run gives what a clean one gives."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from flows.runs.recipe import load_recipe
from flows.runs.run import Result, open_run, run_recipe
from pipeline.publish.release import datasets, load_release, resolve
from pipeline.publish.verify import verify_release
from pipeline.run.failures import LevelError
from pipeline.run.incoming import KILLED
from pipeline.run.level import Finished, run_level
from pipeline.run.poison import MAXIMUM_POISON, find_poison
from pipeline.run.runners import InlineRunner
from pipeline.run.runners.ray import RayRunner
from pipeline.steps import Fault, is_fault
from pipeline.store.artifact import SILENT, unfinished
from pipeline.store.local import LocalStore
from pipeline.store.store import open_store
from stages.l0_collect.readers import hash_memory
from tests.faulty_steps import ERRORS, Breaks, BreaksByDocument, Kills
from tests.flows.helpers import rows
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, l1, silent, write_lines
from tests.pipeline.run.test_level import read
from tests.places import FOLDER, IN_WORKERS, PLACES, break_at, die_once_everywhere

LINES = ["apple pie is good", "banana split", "cherry cake", "apple tart is better"]


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
    shown = unfinished(LocalStore(tmp_path / "faulty/store"))
    assert [key.count("/shards/") for key in shown] == [0, 1], "the level and its shard"
    assert all(type(ERRORS[error]).__name__ in state.error for state in shown.values())
    monkeypatch.delenv("BREAKS")
    _, mended = refine(tmp_path / "faulty", *before, step)
    assert not mended.reused
    assert mended.manifest.content_id == clean.manifest.content_id
    assert mended.manifest.quarantined == 0
    assert unfinished(LocalStore(tmp_path / "faulty/store")) == {}


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


ALL_LEVELS = """
dataset: toy
l0_collect: {source: {kind: jsonl, paths: [x]}}
l1_filter: {steps: [{kind: language, keep: [en], minimum: 0.3}, {kind: gopher_quality}, {kind: exact_duplicates}]}
l2_select: {steps: [{kind: threshold, column: language_score, minimum: 0.4}]}
l3_synthesize: {steps: [{kind: rewrite, engine: template, prompts: [rephrase]}]}
l4_verify: {steps: [{kind: format}]}
"""


def refine_all(folder: Path, store: str, files: int = 1, first: int = 0, runner: str = "inline") -> tuple[str, int]:
    """All five levels into a folder below this one, or a bucket; (content id, rows in quarantine)"""
    recipe = folder / "all.yaml"
    recipe.write_text(ALL_LEVELS)
    sources = [folder / f"input-{number}.jsonl" for number in range(files)]
    for number, source in enumerate(sources):
        source.write_text("".join(json.dumps(row) + "\n" for row in rows(30, first=first + 30 * number)))
    run = open_run(store if "://" in store else str(folder / store), runner, None, None, [], quiet=True)
    result = run_recipe(load_recipe(str(recipe), [str(source) for source in sources]), run)
    assert isinstance(result, Result)
    return result.release.content_id, result.quarantined


def killed_at(place: str, folder: Path, store: str = "faulty", files: int = 1, after: int = 0) -> None:
    """What the child process does that is killed: at this place, when the work there went well `after` times."""
    with pytest.MonkeyPatch.context() as patch:
        break_at(place, lambda: os._exit(9), patch, after)
        patch.setattr("pipeline.publish.compact.SMALL", 0)  # each of these small files is one of the release
        patch.setattr("pipeline.run.passes.TOGETHER", 0)  # and one of L3
        refine_all(folder, store, files)


def kill_child(*arguments: Any) -> None:
    """`killed_at` in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_failures"])
    process = context.Process(target=killed_at, args=arguments)
    process.start()
    process.join(300)
    assert process.exitcode == 9


def check_nothing_published(store: Path) -> None:
    assert not list(store.glob("refs/*.json"))
    quarantined = [pq.read_metadata(file).num_rows for file in store.glob("**/quarantine/*.parquet")]
    assert sum(quarantined) == 0, "no row may be blamed"


@pytest.fixture(scope="module")
def clean_id(tmp_path_factory: pytest.TempPathFactory) -> str:
    content_id, quarantined = refine_all(tmp_path_factory.mktemp("clean"), "clean")
    assert quarantined == 0
    return content_id


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_anywhere_publishes_nothing_and_the_next_run_is_a_clean_one(tmp_path, monkeypatch, clean_id, place):
    """One fault after the other at the same place, in the runs of one store; then none."""
    monkeypatch.setattr("pipeline.run.runners.runner.BACK_OFF", 0)

    def broken(error: Exception) -> None:
        raise error

    for number, error in enumerate(ERRORS.values(), 1):
        with monkeypatch.context() as patch:
            break_at(place, partial(broken, error), patch)
            with pytest.raises((LevelError, type(error))):
                refine_all(tmp_path, "faulty")
        check_nothing_published(tmp_path / "faulty")
        states = unfinished(LocalStore(tmp_path / "faulty"))
        if place != "publishing the ref":  # it is swapped, not made
            assert {(state.name, len(state.attempts)) for state in states.values()} == {("failed", number)}
            assert all(str(error) in state.error for state in states.values())
    assert refine_all(tmp_path, "faulty") == (clean_id, 0)
    assert unfinished(LocalStore(tmp_path / "faulty")) == {}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_process_killed_anywhere_leaves_what_the_next_run_goes_on_from(tmp_path, clean_id, place):
    kill_child(place, tmp_path)
    check_nothing_published(tmp_path / "faulty")
    states = unfinished(LocalStore(tmp_path / "faulty"))
    assert all((state.name, state.error) == ("failed", SILENT) for state in states.values())
    assert bool(states) == (place != "publishing the ref")
    assert refine_all(tmp_path, "faulty") == (clean_id, 0)
    assert not list((tmp_path / "faulty/tmp").iterdir()), "what the killed process had begun is removed"


HALF_WRITTEN = {"publishing data": 2, "publishing the card": 0}
"""Place → how often the work there went well, of a release of three files, before its process is killed."""


@pytest.mark.slow
@pytest.mark.parametrize("place", HALF_WRITTEN)
def test_of_a_half_written_release_only_the_old_one_is_seen_until_the_next_run_ends_it(tmp_path, monkeypatch, place):
    monkeypatch.setattr("pipeline.run.passes.TOGETHER", 0)
    store = LocalStore(tmp_path / "faulty")
    old, _ = refine_all(tmp_path, "faulty", first=900)  # other rows: of the same ones no shard is made again
    before = {path: store.read(path) for path in store.list("releases")}
    kill_child(place, tmp_path, "faulty", 3, HALF_WRITTEN[place])
    (half,) = (tmp_path / "faulty/tmp").iterdir()
    assert len(list(half.rglob("*.parquet"))) == (2 if place == "publishing data" else 3), "it had begun"
    assert {path: store.read(path) for path in store.list("releases")} == before, "also for a reader by glob"
    assert load_release(store, resolve(store, "toy")).content_id == old
    new, quarantined = refine_all(tmp_path, "faulty", 3)
    assert (new, quarantined) == refine_all(tmp_path, "clean", 3)
    for version in datasets(store)["toy"].history:
        assert verify_release(store, f"releases/toy/{version}") == []
    assert load_release(store, resolve(store, "toy")).content_id == new
    assert len(datasets(store)["toy"].history) == 2
    assert not list((tmp_path / "faulty/tmp").iterdir())


IN_A_BUCKET = {"L1 shuffling": 1, "L3 keeping replies": 3, "publishing the card": 5}
"""Place → levels that were finished before; at the last the release lies there in part."""


@pytest.mark.slow
@pytest.mark.parametrize("place", IN_A_BUCKET)
def test_a_process_killed_anywhere_goes_on_in_a_bucket_to_what_a_folder_gets(tmp_path, clean_id, bucket, place):
    # A process of its own: what knows of other buckets is not to be inherited.
    environment = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    call = f"killed_at({place!r}, Path('.'), {bucket!r})"
    code = f"from pathlib import Path; from tests.test_failures import killed_at; {call}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, timeout=240, capture_output=True,
        env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    store = open_store(bucket)
    assert not [path for path in store.list("refs") if path.endswith(".json")]
    finished = [path for path in store.list(".") if path.startswith("l") and path.endswith("/manifest.json")]
    assert len(finished) == IN_A_BUCKET[place]
    assert refine_all(tmp_path, bucket) == (clean_id, 0)
    assert unfinished(store) == {}


@pytest.mark.parametrize("level", ["l0_collect", "l1_filter", "l2_select", "l3_synthesize", "l4_verify"])
def test_a_file_of_the_store_that_is_cut_ends_the_run_until_it_is_whole_again(tmp_path, monkeypatch, clean_id, level):
    monkeypatch.setattr("pipeline.run.runners.runner.BACK_OFF", 0)
    store = tmp_path / "faulty"
    refine_all(tmp_path, "faulty")
    for later in ("refs", "releases", *(path.name for path in store.glob("l*") if path.name > level)):
        shutil.rmtree(store / later)
    (file,) = store.glob(f"{level}/toy-*/data/part-00000.parquet")
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((LevelError, Fault)):
        refine_all(tmp_path, "faulty")
    check_nothing_published(store)
    file.write_bytes(whole)
    assert refine_all(tmp_path, "faulty") == (clean_id, 0)


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


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings about its future defaults
def test_a_killed_ray_worker_costs_nothing(tmp_path, monkeypatch, clean_id):
    """In one run a worker dies once at each place of every level, and all that are left while the release is made."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray

    died = tmp_path / "died"
    died.mkdir()
    environment = {"env_vars": {FOLDER: str(died)}, "worker_process_setup_hook": die_once_everywhere}
    ray.init(address="local", num_cpus=1, runtime_env=environment, include_dashboard=False, log_to_driver=False)
    killed: list[int] = []

    def kill_workers() -> None:
        raylet = next(one for one in psutil.Process().children(recursive=True) if one.name() == "raylet")
        for worker in raylet.children(recursive=True):
            # Not its agents: without them Ray ends itself, and with it this process.
            if worker.name().startswith("ray::") and not worker.name().endswith("Agent"):
                worker.kill()
                killed.append(worker.pid)

    break_at("publishing the card", kill_workers, monkeypatch)
    for name, value in {"REMEMBERED_FROM": 1, "SETTLED_SECONDS": 1e9, "file_sha256": None}.items():
        monkeypatch.setattr(hash_memory, name, value)  # this process cannot hash the input: a worker does
    monkeypatch.setattr("flows.runs.inputs.TASK_BYTES", 1)
    try:
        assert refine_all(tmp_path, "faulty", runner="ray") == (clean_id, 0)
    finally:
        ray.shutdown()
    assert {path.name for path in died.iterdir()} == set(IN_WORKERS)
    assert killed
    assert unfinished(LocalStore(tmp_path / "faulty")) == {}


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
    with pytest.raises(Fault, match=f"more than {MAXIMUM_POISON} of the shard's 1000 rows"):
        find_poison(None, Deaths(set(range(1000))))
