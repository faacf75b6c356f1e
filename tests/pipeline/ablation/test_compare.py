"""What is fixed before training, and what is refused then."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.ablation import ablate
from pipeline.ablation.compare import LIBRARIES, _describe_arm, _setting
from pipeline.ablation.data import survey
from pipeline.ablation.heldout import Domain
from pipeline.ablation.tasks import ClozeItem, Task
from pipeline.ablation.tokenizer import train_tokenizer
from pipeline.store.shard import file_sha256
from tests.pipeline.ablation.helpers import TINY, sentences, write

HELD = [Domain(name, tuple("abcdefgh"), np.arange(8, dtype=np.uint64)) for name in ("web", "books")]
QUIZ = Task("quiz", tuple(ClozeItem(f"question {row}", ("bc", "d"), 0) for row in range(8)))


def test_all_that_is_fixed_before_training_is_written_down(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", ["ab", "cde"])
    arm = survey([path])
    arm.chosen[0] = False
    assert _describe_arm(arm) == {
        "files": [{"path": str(path), "sha256": file_sha256(path)}],
        "documents": 2, "bytes": 5, "chosen_documents": 1, "chosen_bytes": 3, "identity": arm.identity,
    }  # fmt: skip
    tokenizer = train_tokenizer(sentences(9, 1), 300)
    first = _setting({"baseline": arm}, [*HELD, QUIZ], tokenizer, TINY, 2, False, True)
    assert json.loads(json.dumps(first)) == first
    assert (first["protocol"], first["seeds"], first["aa"]) == (3, 2, False)
    assert first["metric"] == "macro mean of bits per byte over web, books, quiz"
    assert first["budget"]["tokens"] == 10 * 8 * 64
    assert first["arms"]["baseline"]["documents"] == 2
    assert first["ruler"]["origin"] == "a slice of each arm, by content hash"
    assert first["ruler"]["domains"]["web"] == {
        "kind": "text", "documents": 8, "sites": 8, "bytes": 8, "left_out_as_overlapping": 0,
    }  # fmt: skip
    assert first["ruler"]["domains"]["quiz"]["kind"] == "task"
    assert first["tokenizer"]["vocabulary"] == tokenizer.get_vocab_size()
    assert set(first["versions"]) == set(LIBRARIES) == {"torch", "transformers", "tokenizers", "numpy"}
    other = _setting({"baseline": arm}, HELD[::-1], train_tokenizer(sentences(9, 2), 300), TINY, 2, True, False)
    assert (other["aa"], other["ruler"]["origin"]) == (True, "files given")
    assert other["ruler"]["identity"] != first["ruler"]["identity"]
    assert other["tokenizer"]["identity"] != first["tokenizer"]["identity"]


def test_an_arm_with_far_too_little_text_is_refused_before_training(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.parquet", sentences(300, 1)), write(tmp_path / "b.parquet", ["tiny text."])]
    held = write(tmp_path / "held.parquet", sentences(30, 2))
    with pytest.raises(
        ValueError, match=r"the candidate has 10 bytes to train on, a run reads about 15,360: 1536 times"
    ):
        ablate(files[:1], files[1:], tmp_path / "out", TINY, [held])
    assert not (tmp_path / "out").exists()


def test_a_text_with_an_item_of_a_task_is_read_by_no_run(tmp_path: Path) -> None:
    data = write(tmp_path / "a.parquet", sentences(300, 1))
    held = write(tmp_path / "held.parquet", sentences(30, 2))

    def taint(texts: object) -> np.ndarray:
        return np.array(["river" in text[:20] for text in texts.to_pylist()])  # type: ignore[attr-defined]

    verdict = ablate([data], [data], tmp_path / "out", TINY, [held], tasks=[QUIZ], taint=taint)
    found = json.loads(verdict.result.read_text())
    tainted = found["setting"]["tainted"]["baseline"]
    assert tainted > 5
    assert found["setting"]["arms"]["baseline"]["chosen_documents"] + tainted <= 300
    assert set(found["runs"][0]["bpb"]) == {"held", "quiz", "mean"}
    assert set(found["runs"][0]["accuracy"]) == {"quiz"}
    assert "hold an item of a task" in verdict.report.read_text()
    with pytest.raises(ValueError, match="held-out files and tasks share a name"):
        ablate([data], [data], tmp_path / "out", TINY, [held], tasks=[Task("held", QUIZ.items)])


def test_a_task_of_few_items_is_refused_before_training(tmp_path: Path) -> None:
    data = write(tmp_path / "a.parquet", sentences(300, 1))
    with pytest.raises(ValueError, match="the task 'quiz' has 7 items with choices, it needs 8"):
        ablate([data], [data], tmp_path / "out", TINY, tasks=[Task("quiz", QUIZ.items[:7])])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [-1, 101])
def test_repeats_out_of_range_are_refused(tmp_path: Path, value: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "repeats": [1, value]}), path)
    with pytest.raises(ValueError, match=f"the column `repeats` holds {value}; give whole numbers from 0 to 100"):
        survey([path])
    pq.write_table(pa.table({"text": ["a", "b", "c"], "repeats": [3, 0, None]}), path)
    arm = survey([path])
    assert arm.repeats.tolist() == [3, 0, 1]
    assert arm.chosen.tolist() == [True, False, True]
    assert arm.identity != survey([write(tmp_path / "b.parquet", ["a", "c"])]).identity
