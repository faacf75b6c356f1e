"""Documents beside what was written from them, in the share that was asked for."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline.run.level import run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from stages.l3_synthesize.mix import Mix
from stages.l3_synthesize.rewrite import Rewrite
from tests.pipeline.helpers import l0, silent, write_lines

LINE = (
    "In 12{0:02}, the town of Aarau built a wooden bridge over the river. The bridge was (as all were) made of oak. "
    "It burnt down in 14{0:02} because the watchman had fallen asleep. After long debates, the citizens paid for "
    "another one. The market was held every Saturday, and {1}"
)


def lines(count: int) -> list[str]:
    tails = ("gables were painted.", "its tolls fed the poor of three parishes.", "snow closed it for weeks on end.")
    return [LINE.format(n, " ".join(tails[: 1 + n % 3])) for n in range(count)]


def run(folder: Path, *steps, texts: list[str], store: str = "store"):
    place = LocalStore(folder / store)
    first = run_level(l0(), place, InlineRunner(), silent, write_lines(folder / store / "input", texts))
    level = run_level(Level("l3", "toy", steps), place, InlineRunner(), silent, parent=first)
    files = [place.shown(f"{level.directory}/{file.path}") for file in level.manifest.of("data")]
    return level.manifest, pa.concat_tables(map(pq.read_table, files)).to_pylist()


def rewrite(**fields) -> Rewrite:
    return Rewrite(engine="template", prompts=("rephrase",), **fields)


def test_originals_are_rows_of_their_own_and_all_are_counted(tmp_path: Path):
    manifest, rows = run(tmp_path, rewrite(originals="add"), texts=[*lines(6), "too short"])
    originals = [row for row in rows if row["parent_id"] is None]
    assert (manifest.rows_in, manifest.rows_made, manifest.rows_out) == (7, 7, 13)
    assert manifest.dropped == {"rewrite.too_short": 1}
    assert {row["form"] for row in originals} == {'{"kind":"original"}'}
    assert {row["id"] for row in originals} >= {row["parent_id"] for row in rows if row["parent_id"]}
    assert "too short" in {row["text"] for row in originals}


def test_a_joined_row_is_the_document_and_all_that_was_written_of_it(tmp_path: Path):
    step = Rewrite(engine="template", prompts=("rephrase", "question_answer"), prompts_per_document=2, originals="join")
    manifest, rows = run(tmp_path, step, texts=lines(3))
    assert (manifest.rows_in, manifest.rows_made, manifest.rows_out) == (3, 0, 3)
    for row in rows:
        assert row["text"].startswith(row["source_text"])
        assert "What is known about" in row["text"][len(row["source_text"]) :]
        assert set(row["prompt"].split()) == {"rephrase@1", "question_answer@1"}
    with pytest.raises(ValidationError, match="originals: join makes one row of several"):
        rewrite(originals="join", accept=3)


@pytest.mark.parametrize(("share", "originals", "written"), [(0.5, 20, 20), (0.8, 5, 20), (0.25, 20, 6), (0.1, 20, 2)])
def test_the_share_holds_and_what_goes_is_counted(tmp_path: Path, share: float, originals: int, written: int):
    manifest, rows = run(tmp_path, rewrite(originals="add"), Mix(synthetic=share), texts=lines(20))
    kinds = [row["parent_id"] is None for row in rows]
    assert (kinds.count(True), kinds.count(False)) == (originals, written)
    gone = {"mix.surplus_original": 20 - originals, "mix.surplus_synthetic": 20 - written}
    assert manifest.dropped == {rule: count for rule, count in gone.items() if count}


def test_by_characters_and_the_same_rows_however_they_lie(tmp_path: Path):
    steps = rewrite(originals="add"), Mix(synthetic=0.7, by="characters", seed=3)
    _, rows = run(tmp_path, *steps, texts=lines(20))
    _, again = run(tmp_path, *steps, texts=lines(20)[::-1], store="other")
    sizes = [sum(len(row["text"]) for row in rows if (row["parent_id"] is None) is kind) for kind in (True, False)]
    assert 0.7 <= sizes[1] / sum(sizes) < 0.74
    assert {row["text"] for row in rows} == {row["text"] for row in again}


def test_one_kind_alone_leaves_nothing_to_mix(tmp_path: Path):
    manifest, rows = run(tmp_path, rewrite(), Mix(), texts=lines(4))
    assert (rows, manifest.dropped) == ([], {"mix.surplus_synthetic": 4})
    with pytest.raises(ValueError, match="originals: add"):
        Mix().check_input(pa.schema([("text", pa.string())]))
