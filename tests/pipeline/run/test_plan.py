"""The plan of a run: all problems before the first row, what is found, what will be made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest

from pipeline.run.estimates import with_estimates
from pipeline.run.level import InputFile, Level, run_level
from pipeline.run.passes import PlanError
from pipeline.run.plan import Plan, plan, plan_lines
from pipeline.run.runners import InlineRunner
from pipeline.run.runners.runner import ONE_CORE
from pipeline.steps import Resources, Scorer
from pipeline.steps.extras import MODULES
from pipeline.store.shard import file_sha256
from pipeline.store.store import LocalStore
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines
from tests.pipeline.run.test_generate import Echo


class Column(MinWords):
    """Reads `column`; names the files in `lists`; waits for `waits`."""

    kind: Literal["column"] = "column"
    column: str = "text"
    lists: tuple[str, ...] = ()
    waits: str = ""

    def resolve(self) -> list[str]:
        return [f"column: no list '{path}'; give one that is there" for path in self.lists if not Path(path).exists()]

    def pending(self) -> str:
        return self.waits

    def check_input(self, schema: pa.Schema) -> None:
        if self.column not in schema.names:
            raise ValueError(f"column: no column '{self.column}' here")


class Length(Scorer):
    """Adds `length`."""

    kind: Literal["length"] = "length"
    type: Literal["int32", "string"] = "int32"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("length", pa.int32() if self.type == "int32" else pa.string()),)

    def score(self, batch):
        return {"length": pa.array([len(text) for text in batch.text.to_pylist()], pa.int32())}


class Picky(Lines):
    """A source that some files do not fit."""

    kind: Literal["picky"] = "picky"

    def units(self, path, sha256):
        if "no text" in Path(path).read_text(encoding="utf-8"):
            raise ValueError(f"{path} has no column 'text'; set `text_column`")
        return super().units(path, sha256)


class Model(Shout):
    """Stays in a process of its own."""

    kind: Literal["model"] = "model"
    gpus: float = 0

    def resources(self) -> Resources:
        return Resources(cpus=0, gpus=self.gpus, memory=2 << 30, resident=True)


def identify(paths: Sequence[str]) -> list[InputFile]:
    return [InputFile(path, file_sha256(Path(path))) for path in paths]


def never(paths: Sequence[str]) -> list[InputFile]:
    raise AssertionError(f"{paths} were read")


def l2(*steps) -> Level:
    return Level("l2_select", "toy", steps)


def planned(folder: Path, *levels: Level, files=None, read=identify, **settings) -> Plan:
    if files is None:
        files = (["one two", "three"], ["four five"])
    paths = [file.path for file in write_lines(folder / "input", *files)]
    return plan(levels, LocalStore(folder / "store"), paths, read, **settings)


def test_all_problems_of_all_levels_come_at_once_and_no_input_is_read(tmp_path: Path):
    made = planned(
        tmp_path,
        Level("l0_collect", "toy", (), Picky()),
        l1(MinWords(), Column(lists=("lost", "gone")), Length()),
        l2(Column(column="length"), Column(column="lenght"), Length(type="string")),
        files=(["one"], ["no text"]),
        read=never,
        problems=["the extra 'ray' is not installed"],
    )
    text, lost, gone, column, types, head = made.problems
    assert text == "the extra 'ray' is not installed"
    assert lost == "l1_filter 02 column: no list 'lost'; give one that is there"
    assert gone == "l1_filter 02 column: no list 'gone'; give one that is there"
    assert column == "l2_select 02 column: no column 'lenght' here"
    assert types.startswith("l2_select 03 length: column 'length' is declared as int32 and as string")
    assert head.startswith("l0_collect 00 picky: ")
    assert not Path(tmp_path, "store").exists()
    with pytest.raises(PlanError) as error:
        made.check()
    assert error.value.problems == made.problems


def test_a_missing_extra_is_told_instead_of_what_fails_without_it(tmp_path: Path, monkeypatch):
    class Needy(Column):
        kind: Literal["needy"] = "needy"

        def extras(self) -> tuple[str, ...]:
            return ("ray",)

    monkeypatch.setitem(MODULES, "ray", ("no_such_module",))
    (found,) = planned(tmp_path, l0(), l1(MinWords(), Needy(lists=("lost",)))).problems
    assert found.startswith(
        "l1_filter 02 needy: the extra 'ray' is not installed (no_such_module missing): pip install"
    )


def test_a_plan_names_passes_columns_and_shards(tmp_path: Path):
    made = planned(tmp_path, l0(), l1(MinWords(), SameFirstWord(), Shout(), MinWords()))
    made.check()
    first, second = made.levels
    assert [part.steps for part in first.passes] == [("00 lines",)]
    assert [part.steps for part in second.passes] == [
        ("01 min_words",),
        ("02 same_first_word",),
        ("03 shout", "04 min_words"),
    ]
    assert second.passes[1].columns == ("group_size",)
    assert second.schema.names[-1] == "group_size"
    assert [(level.state, level.shards, level.rows_in) for level in made.levels] == [("to be made", 2, None)] * 2


def test_how_many_shards_a_generator_makes_is_known_of_one_alone(tmp_path: Path):
    levels = l0(), Level("l3_synthesize", "toy", (Echo(),)), Level("l4_verify", "toy", (MinWords(),))
    assert [level.shards for level in planned(tmp_path / "two", *levels).levels] == [2, None, None]
    one = planned(tmp_path / "one", *levels, files=[["a line"]])
    assert [level.shards for level in one.levels] == [1, 1, 1]


def test_filters_never_sit_in_the_process_of_a_model(tmp_path: Path):
    steps = (MinWords(), Model(), Model(), Shout(), Model(gpus=2), SameFirstWord(), Model())
    made = planned(tmp_path, l0(), l1(*steps))
    passes = made.levels[1].passes
    assert [part.steps for part in passes] == [
        ("01 min_words",),
        ("02 model", "03 model"),
        ("04 shout",),
        ("05 model",),
        ("06 same_first_word",),
        ("07 model",),
    ]
    assert [(part.resources.resident, part.resources.gpus) for part in passes[:4]] == [
        (False, 0),
        (True, 0),
        (False, 0),
        (True, 2),
    ]
    assert "pass 4: 05 model  needs 2 GPU where there is one, 2.1 GB, processes that stay" in "\n".join(
        plan_lines(made)
    )
    asked = []

    class Recording(InlineRunner):
        def map(self, function, tasks, resources=ONE_CORE):
            asked.append((resources.resident, len(tasks)))
            return super().map(function, tasks, resources)

    store = LocalStore(tmp_path / "store")
    first = run_level(l0(), store, Recording(), silent, made.inputs)
    level = run_level(l1(MinWords(), Model(), Shout()), store, Recording(), silent, parent=first)
    assert asked == [(False, 2), (False, 2), (True, 2), (False, 2)]
    assert (level.manifest.rows_in, level.manifest.rows_out) == (3, 2)
    assert list(level.manifest.by_step) == ["01 min_words", "02 model", "03 shout"]


def test_the_ids_are_those_of_the_run(tmp_path: Path):
    levels = (l0(), l1(MinWords()))
    made, store = planned(tmp_path, *levels), LocalStore(tmp_path / "store")
    collected = run_level(levels[0], store, InlineRunner(), silent, made.inputs)
    half = planned(tmp_path, *levels)
    assert [(level.state, level.shards_done) for level in half.levels] == [("found", 2), ("to be made", 0)]
    assert (half.levels[1].rows_in, half.levels[1].rows_out) == (3, None)
    filtered = run_level(levels[1], store, InlineRunner(), silent, parent=collected)
    assert [level.recipe_id for level in made.levels] == [
        collected.manifest.recipe_id,
        filtered.manifest.recipe_id,
    ]
    assert [level.state for level in planned(tmp_path, *levels).levels] == ["found", "found"]


def test_shards_that_a_killed_run_has_finished_are_counted(tmp_path: Path):
    store = LocalStore(tmp_path / "store")
    finished = run_level(l0(), store, InlineRunner(), silent, planned(tmp_path, l0()).inputs)
    store.remove(finished.path)
    store.remove(f"{finished.directory}/shards/part-00001.json")
    (level,) = planned(tmp_path, l0()).levels
    assert (level.state, level.shards, level.shards_done) == ("to be finished", 2, 1)


def test_what_waits_for_a_training_has_no_id_yet(tmp_path: Path):
    levels = (l0(), l1(Column(waits="trains a model")), l2(MinWords()))
    made = planned(tmp_path, *levels)
    assert [level.state for level in made.levels] == ["to be made", "after training", "after training"]
    assert made.levels[1].makes == ("01 column trains a model",)
    assert [bool(level.recipe_id) for level in made.levels] == [True, False, False]
    # An earlier run has trained it: then it is known, from the id of the level before.
    seen = []

    def complete(level: Level, parent_id: str) -> Level:
        seen.append((level.name, parent_id))
        return l1(Column()) if level.name == "l1_filter" and parent_id else level

    made = planned(tmp_path, *levels, complete=complete)
    assert seen[-2:] == [("l1_filter", made.levels[0].recipe_id), ("l2_select", made.levels[1].recipe_id)]
    assert [level.makes for level in made.levels] == [(), (), ()]


def test_what_cannot_be_completed_is_a_problem_of_its_level(tmp_path: Path):
    def complete(level: Level, _: str) -> Level:
        if level.name == "l1_filter":
            raise ValueError("against 'x':\nno finished level lies there")
        return level

    made = planned(tmp_path, l0(), l1(MinWords()), complete=complete)
    assert made.problems == ("l1_filter: against 'x': no finished level lies there",)


def test_times_come_from_earlier_runs_of_the_same_steps_or_are_unknown(tmp_path: Path):
    store, levels = LocalStore(tmp_path / "store"), (l0(), l1(MinWords()))
    for level in with_estimates(planned(tmp_path, *levels), levels, store).levels:
        assert level.seconds is None
    first = run_level(levels[0], store, InlineRunner(), silent, planned(tmp_path, *levels).inputs)
    earlier = run_level(levels[1], store, InlineRunner(), silent, parent=first)
    other = (l0(), l1(MinWords(minimum=1)))
    made = with_estimates(planned(tmp_path, *other), other, store)
    assert made.levels[0].seconds == 0
    assert made.levels[1].seconds == pytest.approx(earlier.manifest.seconds)
    assert made.levels[1].rows_out == earlier.manifest.rows_out == 2
    assert "work of one core about" in "\n".join(plan_lines(made))
    unlike = (l0(), l1(Shout()))
    assert with_estimates(planned(tmp_path, *unlike), unlike, store).levels[1].seconds is None
