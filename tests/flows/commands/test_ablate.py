"""What `orefine ablate` reads from its options: names of candidates, a sweep, cloze tasks."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from flows.commands.ablate import _names, read_sweep, read_tasks
from tests.pipeline.ablation.helpers import words

ITEM = {
    "query": "Question: Which gas do green plants take from the air for photosynthesis?",
    "choices": ["carbon dioxide", "helium", "neon", "argon"],
    "gold": 0,
}


def test_candidates_have_names_that_tell_them_apart() -> None:
    assert _names(["s3://bucket/anything"]) == ["candidate"]
    assert _names(["a/l1.parquet", "b/l1.parquet", "web@2"]) == ["l1", "l1-2", "web@2"]
    assert _names(["baseline", "x"]) == ["baseline-1", "x"]


def test_a_sweep_is_a_column_and_shares() -> None:
    assert read_sweep("quality=0.1,0.3") == ("quality", [0.1, 0.3])
    assert read_sweep(None) is None
    with pytest.raises(ValueError, match=r"--sweep .quality.: give a column and shares, such as quality=0\.1,0\.3"):
        read_sweep("quality")


def test_tasks_are_read_and_their_items_found_in_texts(tmp_path: Path) -> None:
    path = tmp_path / "quiz.jsonl"
    # Words weigh by how rare they are in the set, so it takes a set to find an item of it.
    others = [{"query": f"Question: {words(9, row)}?", "choices": ["yes", "no"], "gold": 1} for row in range(60)]
    path.write_text("\n".join(map(json.dumps, [ITEM, *others])))
    (task,), taint = read_tasks([str(path)])
    assert (task.name, task.items[0].choices[task.items[0].answer]) == ("quiz", "carbon dioxide")
    assert taint is not None
    told = "A test. Which gas do green plants take from the air for photosynthesis? carbon dioxide helium neon argon"
    assert taint(pa.array([told, "Green plants stand in the garden of the old mill."])).tolist() == [True, False]
    assert read_tasks([]) == ([], None)
    path.write_text(json.dumps({"question": "What?", "answer": "a thing"}))
    with pytest.raises(ValueError, match="has no question with choices of which one is marked as right"):
        read_tasks([str(path)])
