"""A plan as people and programs read it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.books.manifest import Manifest, load
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.estimates import with_estimates
from pipeline.run.level import InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.plan import LevelPlan, Pass, Plan, plan, plan_lines
from pipeline.run.runners import InlineRunner
from pipeline.steps import Resources
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, l0, l1, silent, write_lines

FOUND = LevelPlan(
    "l0_collect", pa.schema([("id", pa.string())]), (Pass(("00 lines",), (), Resources()),), "found",
    "0123456789abcdefX",
    shards=1234, shards_done=1234, rows_in=50_000, rows_out=49_000, seconds=0.0,
)  # fmt: skip
NEEDY = Resources(cpus=2, gpus=0.5, memory=3_000_000_000, resident=True)
WAITING = LevelPlan(
    "l2_select", pa.schema([("id", pa.string()), ("quality", pa.float32())]),
    (Pass(("01 model",), ("quality", "label"), NEEDY), Pass((), (), Resources())),
    "after training", makes=("01 model trains on seeds",),
)  # fmt: skip


def test_a_plan_for_a_terminal():
    partly = replace(FOUND, level="l1_filter", state="to be finished", recipe_id="", shards_done=2, seconds=1234.4)
    made = Plan((FOUND, partly, WAITING), free_bytes=12_345_678_901)
    assert plan_lines(made) == [
        "l0_collect     found  recipe id 0123456789abcdef",
        "               shards 1,234 (1,234 done), rows in 50,000, rows out 49,000, work of one core 0 s",
        "               pass 1: 00 lines",
        "l1_filter      to be finished",
        "               shards 1,234 (2 done), rows in 50,000, rows out 49,000, work of one core about 1,234 s",
        "               pass 1: 00 lines",
        "l2_select      after training",
        "               shards unknown, rows in unknown, rows out unknown, work of one core unknown",
        "               first: 01 model trains on seeds",
        "               pass 1: 01 model  adds quality, label"
        "  needs 0.5 GPU where there is one, 3.0 GB, 2 cores, processes that stay",
        "               pass 2: write",
        "store          12.3 GB free",
        "nothing stands against this run",
    ]
    assert plan_lines(Plan((), ("no list", "no model"))) == ["2 problems"]


def test_a_plan_for_programs():
    one, other = Plan((FOUND, WAITING), ("no list",), (InputFile("a", "0"),), 7).as_json()["levels"]
    assert Plan((), ("no list",), (InputFile("a", "0"),), 7).as_json() == {
        "problems": ["no list"], "inputs": 1, "free_bytes": 7, "levels": [],
    }  # fmt: skip
    numbers = {"shards": 1234, "shards_done": 1234, "rows_in": 50_000, "rows_out": 49_000, "seconds": 0.0}
    numbers |= {"disk": None, "shuffle_disk": 0, "memory": 0}
    assert one == numbers | {
        "level": "l0_collect", "recipe_id": "0123456789abcdefX", "state": "found", "makes": [],
        "passes": [
            {
                "steps": ("00 lines",), "columns": (),
                "resources": {"cpus": 1, "gpus": 0, "memory": 0, "resident": False},
            }
        ],
        "columns": {"id": "string"},
    }  # fmt: skip
    assert (other["recipe_id"], other["seconds"]) == (None, None)
    assert other["columns"] == {"id": "string", "quality": "float"}
    assert other["makes"] == ["01 model trains on seeds"]
    assert replace(FOUND, seconds=1.26).as_json()["seconds"] == 1.3


def test_rows_and_seconds_are_estimated_by_the_rates_of_all_earlier_runs(store: LocalStore, tmp_path: Path):
    levels = (l0(), l1(MinWords()))
    for number, lines in enumerate((["one two", "three"], ["a b", "c d", "e", "f", "g", "h i"])):
        first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / str(number), lines))
        run_level(l1(MinWords()), store, InlineRunner(), silent, parent=first)
    drafts = (
        LevelPlan("l0_collect", BASE_SCHEMA, (), "to be made", rows_in=16),
        LevelPlan("l1_filter", BASE_SCHEMA, (), "to be made"),
    )
    made = with_estimates(Plan(drafts), levels, store)
    assert [(level.rows_in, level.rows_out) for level in made.levels] == [(16, 16), (16, 8)]  # four of eight stayed
    seconds = [sum(seconds_of(store, level)) for level in ("l0_collect", "l1_filter")]
    assert [level.seconds for level in made.levels] == pytest.approx([2 * taken for taken in seconds])
    assert made.free_bytes == pytest.approx(store.free_bytes(), rel=0.1)
    found = with_estimates(Plan((FOUND, drafts[1])), levels, store).levels
    assert found[0] == FOUND  # what is there is not estimated
    assert (found[1].rows_in, found[1].rows_out) == (49_000, 24_500)


def seconds_of(store: LocalStore, level: str) -> list[float]:
    return [load(Manifest, store, path).seconds for path in store.list(level) if path.endswith("/manifest.json")]


def test_nothing_is_estimated_without_earlier_runs_or_a_store(tmp_path: Path):
    store = LocalStore(tmp_path / "not" / "there")
    draft = LevelPlan("l0_collect", BASE_SCHEMA, (), "to be made", rows_in=16)
    made = with_estimates(Plan((draft,)), (l0(),), store)
    assert made == Plan((draft,), free_bytes=made.free_bytes)


def test_a_level_of_no_rows_gives_no_rate(store: LocalStore, tmp_path: Path):
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", []))
    assert first.manifest.rows_in == 0
    made = with_estimates(Plan((LevelPlan("l0_collect", BASE_SCHEMA, (), rows_in=16),)), (l0(),), store)
    assert (made.levels[0].rows_out, made.levels[0].seconds) == (None, None)


class Looking(Lines):
    """Says when a file is looked at."""

    def units(self, path, sha256):
        raise KeyError("looked at")


def test_inputs_from_elsewhere_are_looked_at_when_they_are_identified(store: LocalStore, tmp_path: Path):
    local = write_lines(tmp_path / "input", ["one"])[0]

    def identify(paths: Sequence[str]) -> list[InputFile]:  # fetches what is remote
        return [local for _ in paths]

    with pytest.raises(KeyError, match="looked at"):
        plan((Level("l0_collect", "toy", (), Looking()),), store, [local.path], identify)
    made = plan((l0(),), store, ["remote://a"], identify)
    assert made.inputs == (local,)
    assert made.levels[0].shards == 1
