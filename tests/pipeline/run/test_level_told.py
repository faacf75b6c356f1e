"""What a level tells: events while it runs, its manifest, and errors that say where and what to do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.books.accounting import AtStep
from pipeline.run.failures import LevelError, failed
from pipeline.run.level import Finished, InputFile, find_level, level_id, run_level
from pipeline.run.passes import Level, PlanError
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines

FILES = (["apple pie", "banana"], ["cherry cake", "apple tart", "poison pill"])


@pytest.fixture
def collected(store: LocalStore, tmp_path: Path) -> Finished:
    return run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", *FILES))


def test_a_run_is_told_as_it_happens(store: LocalStore, collected: Finished):
    told: list[tuple[str, Any]] = []
    made = run_level(
        l1(MinWords(), SameFirstWord(), Shout()), store, InlineRunner(), lambda *event: told.append(event),
        parent=collected,
    )  # fmt: skip
    first, *events, third, fourth = told
    assert first == ("level_started", {"level": "l1_filter", "shards": 2, "directory": made.directory})
    assert [name for name, _ in events] == ["shard_done", "shard_done", "grouped"]
    assert [fields["level"] for _, fields in events] == ["l1_filter, pass 1"] * 2 + ["l1_filter"]
    assert events[2] == ("grouped", {"level": "l1_filter", "step": "same_first_word"})
    assert [(fields["done"], fields["of"]) for _, fields in (third, fourth)] == [(1, 2), (2, 2)]
    assert fourth[1]["rows_in"] == 5  # of the level, not of its last pass
    assert (events[1][1]["quarantined"], fourth[1]["rows_out"]) == (1, 2)
    told.clear()
    run_level(l1(MinWords(), SameFirstWord(), Shout()), store, InlineRunner(), lambda *event: told.append(event),
              parent=collected)  # fmt: skip
    assert told == []  # found


def test_a_run_that_goes_on_counts_what_is_there(store: LocalStore, collected: Finished):
    made = run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)
    store.remove(made.path)
    store.remove(f"{made.directory}/shards/part-00001.json")
    told: list[tuple[str, Any]] = []
    run_level(l1(MinWords()), store, InlineRunner(), lambda *event: told.append(event), parent=collected)
    ((_, fields),) = told[1:]
    shard = fields.pop("shard")
    assert (shard["shard"], shard["rows_in"], shard["seconds"] >= 0) == (1, 2, True)
    assert fields == {
        "level": "l1_filter", "done": 2, "of": 2, "rows_in": 5, "rows_out": made.manifest.rows_out, "quarantined": 1,
        "bytes_in": made.manifest.bytes_in,
    }  # fmt: skip


def test_the_manifest_says_where_all_came_from(store: LocalStore, collected: Finished, tmp_path: Path):
    manifest = collected.manifest
    assert (manifest.level, manifest.dataset, manifest.parents) == ("l0_collect", "toy", [])
    hashes = [file["sha256"] for file in manifest.inputs]
    assert hashes == sorted(hashes)
    assert {Path(file["path"]).name for file in manifest.inputs} == {"0.txt", "1.txt"}
    assert [(file.role, file.path) for file in manifest.files] == sorted(
        (file.role, file.path) for file in manifest.files
    )
    assert all(not file.path.startswith("l0_collect/") for file in manifest.files)
    assert manifest.steps == [{"kind": "lines", "max_document_bytes": 16 << 20, "assets": {}}]
    filtered = run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected).manifest
    (parent,) = filtered.parents
    assert parent.model_dump() == {
        "level": "l0_collect", "recipe_id": manifest.recipe_id, "content_id": manifest.content_id,
        "manifest": collected.path,
    }  # fmt: skip
    assert filtered.inputs == []
    assert filtered.by_step == {"01 min_words": AtStep(rows_in=5, dropped={"too_few_words": 1}, quarantined=1)}
    assert 0 <= filtered.seconds < 60


def test_all_that_names_a_level_is_in_its_id():
    one = l0()
    files = [InputFile("a", "1"), InputFile("b", "2")]
    identity = level_id(one, files)
    assert level_id(one, [InputFile("elsewhere", "2"), files[0]]) == identity
    others = (
        level_id(one, files[:1]), level_id(replace(one, dataset="other"), files),
        level_id(replace(one, name="l9"), files), level_id(replace(one, keep_dropped_text=True), files),
        level_id(replace(one, steps=(MinWords(),)), files), level_id(one, files, "parent"),
    )  # fmt: skip
    assert len({identity, *others}) == 7


def test_a_level_that_is_not_there_is_not_found(store: LocalStore, collected: Finished):
    assert find_level(store, l0(), "0" * 32) is None
    found = find_level(store, l0(), collected.manifest.recipe_id)
    assert found == replace(collected, reused=True)
    assert collected.directory == f"l0_collect/toy-{collected.manifest.recipe_id[:16]}"


def test_a_level_without_rows_to_read_says_what_to_add(store: LocalStore):
    with pytest.raises(ValueError, match="l1_filter has neither a source nor a level before it; add `l0_collect`"):
        run_level(l1(MinWords()), store, InlineRunner(), silent)


@pytest.mark.parametrize(("good", "bad", "stops"), [(10, 10, False), (10, 11, True), (9, 11, False), (21, 20, False)])
def test_more_than_half_of_over_20_rows_in_quarantine_stops_a_level(
    store: LocalStore, tmp_path: Path, good: int, bad: int, stops: bool
):
    lines = [*(f"{number} is good" for number in range(good)), *(f"{number} is poison" for number in range(bad))]
    collected = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", lines))
    if stops:
        match = (
            rf"^l1_filter: {bad} of {good + bad} rows .* failed at 01 min_words with: ValueError: cannot count poison"
        )
        with pytest.raises(LevelError, match=match):
            run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)
    else:
        made = run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)
        assert made.manifest.quarantined == bad


def test_a_failed_task_names_level_place_cause_and_the_way_on():
    error = failed("l1_filter", "shard 3 (part-00003.parquet)", OSError("disk full"))
    assert str(error) == (
        "l1_filter: shard 3 (part-00003.parquet) failed with OSError: disk full. No row was blamed and nothing was "
        "published; finished shards are kept, so mend the cause and run the same command again"
    )


def test_a_grouping_step_that_decides_nothing_is_a_defect(store: LocalStore, collected: Finished):
    class Idle(SameFirstWord):
        def group(self, grouping):
            grouping.counters["seen"] = 1234

    told: list[tuple[str, Any]] = []
    with pytest.raises(LevelError, match=r"step 'same_first_word' ended without calling grouping\.decide"):
        run_level(l1(Idle()), store, InlineRunner(), lambda *event: told.append(event), parent=collected)
    assert ("note", {"text": "seen: 1,234"}) in told


def test_an_input_of_no_files_or_no_parts_still_gives_a_file_with_a_schema(store: LocalStore, tmp_path: Path):
    class Nothing(type(l0().source)):
        def units(self, path, sha256):
            return []

    files = write_lines(tmp_path / "input", ["one"], ["two"])
    made = run_level(Level("l0_collect", "toy", (), Nothing()), store, InlineRunner(), silent, files)
    assert [file.rows for file in made.manifest.of("data")] == [0]


def test_a_file_of_which_nothing_could_be_read_is_named_unless_that_is_allowed(store: LocalStore, tmp_path: Path):
    files = write_lines(tmp_path / "input", ["one"], ["", ""])
    level = replace(l0(), allow_empty=False)
    with pytest.raises(LevelError, match=r"input/1\.txt"):
        run_level(level, store, InlineRunner(), silent, files)
    assert run_level(replace(level, allow_empty=True), store, InlineRunner(), silent, files).manifest.rows_out == 1


def test_a_step_that_does_not_fit_is_a_problem_of_its_level(store: LocalStore, collected: Finished):
    class Large(SameFirstWord):
        def group(self, grouping):
            grouping.require("sorting", memory=1 << 60)

    with pytest.raises(PlanError, match=r"^l1_filter: sorting: .* GB of memory, but this machine has"):
        run_level(l1(Large()), store, InlineRunner(), silent, parent=collected)
