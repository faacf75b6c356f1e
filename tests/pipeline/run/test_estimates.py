"""What a plan says of disk and memory, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.books.manifest import Manifest, load
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run import estimates as module
from pipeline.run.estimates import with_estimates
from pipeline.run.level import Finished, directory_of, run_level
from pipeline.run.passes import WORK
from pipeline.run.plan import LevelPlan, Plan, plan_lines
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates
from tests.flows.helpers import orefine, rows, write_parquet
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, l1, silent, write_lines

LEVELS = (l0(), l1(MinWords()))
DRAFTS = (
    LevelPlan("l0_collect", BASE_SCHEMA, (), "to be made", rows_in=40),
    LevelPlan("l1_filter", BASE_SCHEMA, (), "to be made"),
)


class Sorts(SameFirstWord):
    """A shuffle that says what it needs: 1,000 bytes on disk and 10 in memory for each row, and the text twice."""

    def space(self, rows: int, text_bytes: float) -> tuple[int, int]:
        return round(rows * (1000 + 2 * text_bytes)), rows * 10


@pytest.fixture
def made(store: LocalStore, tmp_path: Path) -> list[Finished]:
    """Both levels of an earlier run: four rows of ten bytes each, two of which stay."""
    first = run_level(
        LEVELS[0], store, InlineRunner(), silent, write_lines(tmp_path / "in", ["1234567890", "a b c d ef"] * 2)
    )
    return [first, run_level(LEVELS[1], store, InlineRunner(), silent, parent=first)]


def bytes_of(level: Finished) -> int:
    return sum(file.bytes for file in level.manifest.files)


def test_disk_is_what_the_files_of_earlier_runs_took_by_row(store: LocalStore, made: list[Finished]):
    found = with_estimates(Plan(DRAFTS), LEVELS, store)
    assert [one.disk for one in found.levels] == [10 * bytes_of(made[0]), 10 * bytes_of(made[1])]
    half = (replace(DRAFTS[0], shards=4, shards_done=2), DRAFTS[1])
    assert with_estimates(Plan(half), LEVELS, store).levels[0].disk == 5 * bytes_of(made[0]), "what is there is there"
    assert found.problems == ()
    assert "files about 0.0 GB" in plan_lines(found)[1]


def test_a_shuffle_says_what_it_needs_for_the_rows_that_come_to_it(store: LocalStore, made: list[Finished]):
    levels = (LEVELS[0], l1(Sorts()))
    one = with_estimates(Plan(DRAFTS), levels, store).levels[1]
    assert (one.shuffle_disk, one.memory) == (40 * (1000 + 2 * 10), 400)
    # What a stopped run has written of it takes no more room.
    begun = replace(DRAFTS[1], recipe_id="0" * 64)
    store.create(f"{directory_of(levels[1], begun.recipe_id)}/{WORK}/00/map/part-00000.arrow", b"x" * 800)
    assert with_estimates(Plan((DRAFTS[0], begun)), levels, store).levels[1].shuffle_disk == 40_800 - 800
    store.create(f"{directory_of(levels[1], begun.recipe_id)}/{WORK}/00/map/part-00001.arrow", b"x" * 80_000)
    assert with_estimates(Plan((DRAFTS[0], begun)), levels, store).levels[1].shuffle_disk == 0, "never less than none"
    assert NearDuplicates().space(1_000_000, 3000.0)[0] > 1_000_000 * 14 * 8
    assert NearDuplicates().space(0, 0.0)[0] == 0


@pytest.mark.parametrize("free", ["enough", "a byte too little"])
def test_a_disk_that_is_too_small_is_a_problem(store: LocalStore, made: list[Finished], monkeypatch, free: str):
    files = [10 * bytes_of(level) for level in made]
    most = files[0] + 2 * files[1]  # the release holds the last level's data once more
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: most - (free != "enough"))
    problems = with_estimates(Plan(DRAFTS), LEVELS, store).problems
    assert len(problems) == (free != "enough")
    assert all(f"store {store.root}: the run takes about" in problem and "make room" in problem for problem in problems)
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: None)
    assert with_estimates(Plan(DRAFTS), LEVELS, store).problems == (), "nobody knows how much a bucket holds"


def test_a_shuffle_at_its_height_counts_with_what_was_made_before_it(
    store: LocalStore, made: list[Finished], monkeypatch
):
    levels = (LEVELS[0], l1(Sorts()))
    most = 10 * bytes_of(made[0]) + 40_800
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: most)
    assert with_estimates(Plan(DRAFTS), levels, store).problems == ()
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: most - 1)
    assert len(with_estimates(Plan(DRAFTS), levels, store).problems) == 1


def test_a_machine_with_too_little_memory_is_a_problem(store: LocalStore, made: list[Finished], monkeypatch):
    levels = (LEVELS[0], l1(Sorts()))
    monkeypatch.setattr(module, "machine_memory", lambda: 400)
    assert with_estimates(Plan(DRAFTS), levels, store).problems == ()
    monkeypatch.setattr(module, "machine_memory", lambda: 399)
    (problem,) = with_estimates(Plan(DRAFTS), levels, store).problems
    assert problem.startswith("l1_filter: its shuffles take 0.0 GB of memory at least, and this machine has 0.0 GB")


def test_a_run_on_a_disk_that_cannot_hold_it_ends_before_a_row_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = Path(__file__).parents[2] / "flows" / "l1.yaml"
    sources = [write_parquet(tmp_path / f"{first}.parquet", rows(20, first)) for first in (0, 100)]
    command = ("run", recipe, "--store", tmp_path / "store", "--runner", "inline", "--input")
    orefine(*command, sources[0])
    before = sorted((tmp_path / "store").glob("l0_collect/*"))
    (manifest,) = (tmp_path / "store").glob("l0_collect/*/manifest.json")
    known = load(Manifest, LocalStore(manifest.parent), manifest.name)
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: sum(file.bytes for file in known.files) - 1)
    said = orefine(*command, sources[1], code=2).stderr
    assert "free; make room, give --store on another disk" in said
    assert sorted((tmp_path / "store").glob("l0_collect/*")) == before
