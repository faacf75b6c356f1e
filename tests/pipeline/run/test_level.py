"""A level end to end on tiny text files: passes, accounting, resuming, determinism."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.publish.card import dataset_card
from pipeline.publish.release import publish
from pipeline.report.funnel import funnel_lines, summary
from pipeline.rows.document import BASE_SCHEMA, to_schema
from pipeline.run.failures import LevelError
from pipeline.run.level import Finished, directory_of, level_id, run_level
from pipeline.run.passes import PlanError
from pipeline.run.runners import InlineRunner
from pipeline.run.runners.runner import ONE_CORE
from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines

FILES = (
    ["apple pie is good", "banana", "", "apple tart is better"],
    ["cherry cake", "banana split", "apple pie is good"],
)
STEPS = (MinWords(), SameFirstWord(), Shout())


def read(store: LocalStore, level: Finished, role: str) -> list[dict]:
    rows = []
    for path in level.manifest.paths(role):
        rows += pq.read_table(store.shown(f"{level.directory}/{path}")).to_pylist()
    return rows


def run(folder: Path, files=FILES, steps=STEPS) -> tuple[LocalStore, Finished, Finished]:
    store = LocalStore(folder / "store")
    collected = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", *files))
    return store, collected, run_level(l1(*steps), store, InlineRunner(), silent, parent=collected)


def test_every_row_has_one_fate(tmp_path: Path):
    store, collected, filtered = run(tmp_path)
    assert collected.manifest.rows_in == 7
    assert collected.manifest.quarantined == 1
    assert read(store, collected, "quarantine")[0]["error"] == "text is empty"
    manifest = filtered.manifest
    assert (manifest.rows_in, manifest.rows_out) == (6, 3)
    assert manifest.dropped == {"min_words.too_few_words": 1, "same_first_word.repeat": 2}
    assert manifest.changed == {"shout.shouted": 3}
    # The steps after the grouping saw only survivors, and the survivor carries the size of its group.
    kept = {row["text"].split()[0]: row["group_size"] for row in read(store, filtered, "data")}
    assert kept == {"APPLE": 3, "BANANA": 1, "CHERRY": 1}


def test_two_steps_of_one_kind_are_two(tmp_path: Path):
    steps = (MinWords(minimum=2), SameFirstWord(), MinWords(minimum=4))
    store, collected, filtered = run(tmp_path, files=(FILES[0], [*FILES[1], "one poison"]), steps=steps)
    assert [manifest.names[0] for manifest in (collected.manifest, filtered.manifest)] == ["00 lines", "01 min_words"]
    counted = [*collected.manifest.counted_steps(), *filtered.manifest.counted_steps()]
    assert [step.pop("changed") for step in counted] == [{}] * 4
    source, first, group, second = counted
    assert source == {"step": "00 lines", "rows_in": 8, "dropped": {}, "quarantined": 1}
    assert first == {"step": "01 min_words", "rows_in": 7, "dropped": {"too_few_words": 1}, "quarantined": 1}
    assert group == {"step": "02 same_first_word", "rows_in": 5, "dropped": {"repeat": 2}, "quarantined": 0}
    assert second == {"step": "03 min_words", "rows_in": 3, "dropped": {"too_few_words": 2}, "quarantined": 0}
    assert filtered.manifest.dropped == {"min_words.too_few_words": 3, "same_first_word.repeat": 2}
    ends = sorted((row["step"], row["reason"], row["threshold"]) for row in read(store, filtered, "dropped"))
    assert [end for end in ends if end[0].endswith("min_words")] == [
        ("01 min_words", "min_words.too_few_words", 2.0),
        ("03 min_words", "min_words.too_few_words", 4.0),
        ("03 min_words", "min_words.too_few_words", 4.0),
    ]
    assert read(store, filtered, "quarantine")[0]["step"] == "01 min_words"
    card = dataset_card(publish(store, [collected, filtered]), [collected.manifest, filtered.manifest])
    assert '**l1_filter · 03 min_words** `{"minimum": 4}`\n  - too_few_words: 2' in card
    assert "      1 dropped  01 min_words.too_few_words" in "\n".join(funnel_lines(summary([filtered])))


def test_dropped_rows_keep_value_and_threshold(tmp_path: Path):
    store, _, filtered = run(tmp_path)
    short = next(row for row in read(store, filtered, "dropped") if row["step"] == "01 min_words")
    assert (short["reason"], short["value"], short["threshold"]) == ("min_words.too_few_words", 1.0, 2.0)
    assert short["text"] is None
    assert len(short["id"]) == 32


def test_a_text_too_large_to_be_a_document_is_dropped_with_its_size(tmp_path: Path):
    level = l0()
    level = replace(level, source=level.source.model_copy(update={"max_document_bytes": 10}))
    store = LocalStore(tmp_path / "store")
    collected = run_level(
        level, store, InlineRunner(), silent, write_lines(tmp_path / "input", ["short", "x" * 11, "y" * 10])
    )
    assert sorted(row["text"] for row in read(store, collected, "data")) == ["short", "y" * 10]
    (large,) = read(store, collected, "dropped")
    assert (large["reason"].split(".")[1], large["value"], large["threshold"]) == ("too_large", 11.0, 10.0)


def test_exact_repeats_with_one_id_leave_one_row(tmp_path: Path):
    store, _, filtered = run(tmp_path, files=(["same thing twice", "same thing twice"], ["same thing twice"]))
    assert [row["text"] for row in read(store, filtered, "data")] == ["SAME THING TWICE"]
    assert filtered.manifest.dropped == {"same_first_word.repeat": 2}


def test_order_of_inputs_does_not_matter(tmp_path: Path):
    _, first_l0, first = run(tmp_path / "a")
    _, second_l0, second = run(tmp_path / "b", files=FILES[::-1])
    assert first_l0.manifest.recipe_id == second_l0.manifest.recipe_id
    assert first.manifest.content_id == second.manifest.content_id
    assert [file.sha256 for file in first.manifest.files] == [file.sha256 for file in second.manifest.files]


def test_a_second_run_does_nothing(tmp_path: Path):
    store, collected, filtered = run(tmp_path)
    before = {path: Path(store.shown(path)).stat().st_mtime_ns for path in store.list(".")}
    again = run_level(l1(MinWords(), SameFirstWord(), Shout()), store, InlineRunner(), silent, parent=collected)
    assert again.reused
    assert again.manifest == filtered.manifest
    assert before == {path: Path(store.shown(path)).stat().st_mtime_ns for path in store.list(".")}
    assert not any(path.startswith(("tmp/", f"{filtered.directory}/work")) for path in store.list("."))


def test_finished_shards_are_found_without_a_task_for_each(tmp_path: Path):
    store, collected, filtered = run(tmp_path, steps=(MinWords(),))
    (missing, *_) = store.list(f"{filtered.directory}/shards")
    store.remove(filtered.path)
    store.remove(missing)
    ran: list[int] = []

    class Counting(InlineRunner):
        def map(self, function, tasks, resources=ONE_CORE):
            ran.extend(task.shard for task in tasks)
            return super().map(function, tasks, resources)

    again = run_level(l1(MinWords()), store, Counting(), silent, parent=collected)
    assert ran == [0]
    assert again.manifest.content_id == filtered.manifest.content_id
    assert again.manifest.rows_in == filtered.manifest.rows_in


def test_another_threshold_is_another_place(tmp_path: Path):
    store, collected, filtered = run(tmp_path)
    other = run_level(l1(MinWords(minimum=1)), store, InlineRunner(), silent, parent=collected)
    assert other.directory != filtered.directory
    assert other.manifest.rows_out == 6


@pytest.mark.parametrize(("step", "bad"), [(MinWords(), "poison pill here"), (Shout(), "a bomb ticks")])
def test_one_bad_row_costs_no_other(tmp_path: Path, step, bad: str):
    lines = ["one two three", bad, "four five six"]
    store, _, filtered = run(tmp_path, files=(lines,), steps=(step,))
    assert filtered.manifest.rows_out == 2
    assert filtered.manifest.quarantined == 1
    (row,) = read(store, filtered, "quarantine")
    assert row["step"] == f"01 {step.kind}"
    assert row["error"] in ("ValueError: cannot count poison", "RuntimeError: boom")


def test_a_step_that_fails_everywhere_stops_the_run(tmp_path: Path):
    with pytest.raises(LevelError, match="30 of 30 rows could not be processed"):
        run(tmp_path, files=([f"poison number {number}" for number in range(30)],))


def test_a_shard_without_rows_is_written_with_its_schema(tmp_path: Path):
    store, _, filtered = run(tmp_path, files=([], ["one two three"]))
    tables = [pq.read_table(store.shown(f"{filtered.directory}/{path}")) for path in filtered.manifest.paths("data")]
    assert sorted(table.num_rows for table in tables) == [0, 1]
    assert tables[0].schema == tables[1].schema


def test_no_input_at_all_gives_an_empty_level(tmp_path: Path):
    _, collected, filtered = run(tmp_path, files=([],), steps=(SameFirstWord(),))
    assert (collected.manifest.rows_in, filtered.manifest.rows_out) == (0, 0)


def test_unknown_columns_go_to_meta():
    rows = pa.RecordBatch.from_pylist(
        [{"text": "a", "score": 3, "lang": None}, {"text": "b", "score": 4, "lang": "en"}]
    )
    metas = to_schema(rows, BASE_SCHEMA).column("meta").to_pylist()
    assert [json.loads(meta) for meta in metas] == [{"score": 3}, {"lang": "en", "score": 4}]


def test_a_level_does_not_read_a_changed_file_of_its_parent(tmp_path: Path):
    store, collected, _ = run(tmp_path)
    path = Path(store.shown(f"{collected.directory}/{collected.manifest.paths('data')[0]}"))
    whole = path.read_bytes()
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    with pytest.raises(Damaged, match=r"part-00000\.parquet is damaged: it has .* bytes"):
        run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)
    # A byte that neither size, footer nor page checksums show: the size in the header of the first page.
    path.write_bytes(whole[:4] + bytes([whole[4] ^ 1]) + whole[5:])
    for steps in ((MinWords(),), (SameFirstWord(),)):
        with pytest.raises((LevelError, Damaged), match=r"Damaged: .*part-00000|part-00000\.parquet is damaged"):
            run_level(l1(*steps), store, InlineRunner(), silent, parent=collected)
    path.write_bytes(whole)
    assert run_level(l1(SameFirstWord()), store, InlineRunner(), silent, parent=collected).manifest.rows_in == 6


@pytest.mark.parametrize("number", [0, 1])
def test_a_file_of_the_parent_that_is_gone_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    monkeypatch.setattr("pipeline.run.runners.runner.BACK_OFF", 0)
    store, collected, _ = run(tmp_path)
    path = Path(store.shown(f"{collected.directory}/{collected.manifest.paths('data')[number]}"))
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises((Damaged, LevelError), match=f"part-0000{number}.parquet") as found:
        run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)
    assert found.value.exit_code == 1
    if number == 0:
        assert "is gone; restore it, or remove the folder l0_collect/toy-" in str(found.value)
    path.write_bytes(whole)
    assert run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected).manifest.rows_in == 6


@pytest.mark.parametrize("operation", ["exists", "open"])
def test_a_store_that_does_not_answer_before_a_level_is_no_matter_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
):
    store, collected, _ = run(tmp_path)

    def fail(*_: object) -> None:
        raise OSError("the network is down")

    monkeypatch.setattr(store, operation, fail)
    with pytest.raises(OSError, match=r"^the network is down$"):
        run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)


def test_an_input_that_is_gone_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inputs = write_lines(tmp_path / "input", *FILES)
    monkeypatch.setattr(Lines, "units", lambda *_: Path("gone.txt").read_bytes())
    with pytest.raises(PlanError, match=r"l0_collect: .*gone\.txt"):
        run_level(l0(), LocalStore(tmp_path / "store"), InlineRunner(), silent, inputs)
    with pytest.raises(PlanError, match="l1_filter has neither a source nor a level before it"):
        run_level(l1(), LocalStore(tmp_path / "store"), InlineRunner(), silent, inputs)


def test_a_damaged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def fail(task: str) -> None:
        calls.append(task)
        raise Damaged("x is damaged")

    ((_, error),) = InlineRunner().map(fail, ["x"])
    assert (str(error), calls) == ("x is damaged", ["x"])


def test_rows_in_are_the_parents_rows_out(tmp_path: Path):
    store, collected, filtered = run(tmp_path)
    fewer = collected.manifest.model_copy(update={"rows_out": 5})
    for steps in (STEPS, (MinWords(),)):  # a level that is there, and one that is made
        with pytest.raises(LevelError, match=r"l1_filter: 6 rows came in, but l0_collect/toy-.* says .* gave 5"):
            run_level(l1(*steps), store, InlineRunner(), silent, parent=replace(collected, manifest=fewer))
    other = replace(collected, manifest=collected.manifest.model_copy(update={"content_id": "other"}))
    with pytest.raises(LevelError, match=r"made from l0_collect with content id .*, and there now lies other"):
        run_level(l1(*STEPS), store, InlineRunner(), silent, parent=other)
    assert filtered.manifest.parents[0].content_id == collected.manifest.content_id


def test_what_people_decided_belongs_to_the_level_and_is_no_row(tmp_path: Path):
    store, inputs = LocalStore(tmp_path / "store"), write_lines(tmp_path / "input", *FILES)
    store.create(f"{directory_of(l0(), level_id(l0(), inputs))}/people/lot.json", b"{}")
    (file,) = run_level(l0(), store, InlineRunner(), silent, inputs).manifest.of("people")
    assert (file.path, file.rows, file.bytes) == ("people/lot.json", 0, 2)
