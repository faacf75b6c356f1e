"""The control arms hold what their names say."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ablation.controls import best, random_selection, repeated, shuffled, target
from pipeline.ablation.data import Arm, survey
from pipeline.ablation.heldout import domains
from tests.pipeline.ablation.helpers import sentences, write


@pytest.fixture
def baseline(tmp_path: Path) -> Arm:
    return survey([write(tmp_path / "b.parquet", sentences(200, 1))])


def texts(arm: Arm) -> list[str]:
    return [text for batch in arm.texts(arm.chosen) for text in batch.to_pylist()]


def test_shuffled_has_the_same_words_in_another_order(baseline: Arm) -> None:
    plain, mixed = texts(baseline), texts(shuffled(baseline))
    assert [sorted(text.split()) for text in plain] == [sorted(text.split()) for text in mixed]
    assert all(one != other for one, other in zip(plain, mixed, strict=True))
    assert mixed == texts(shuffled(baseline))
    assert shuffled(baseline).identity != baseline.identity


def test_half_of_repeated_is_a_few_documents_again(baseline: Arm) -> None:
    arm = repeated(baseline, run_bytes=40_000)
    times = arm.repeats[arm.chosen]
    copied = arm.chosen & (arm.repeats > 1)
    share = (arm.sizes * arm.repeats)[copied].sum() / (arm.sizes * arm.repeats)[arm.chosen].sum()
    assert share == pytest.approx(0.5, abs=0.05)
    assert 2 <= copied.sum() <= 5
    assert times.max() >= 8
    assert arm.identity != baseline.identity


def test_target_is_half_held_out_text_and_none_that_is_scored(baseline: Arm, tmp_path: Path) -> None:
    held = write(tmp_path / "held.parquet", sentences(100, 2))
    scored = domains({}, [held], 15_000)
    arm = target(baseline, scored, [held], run_bytes=60_000)
    assert arm is not None
    every = texts(arm)
    foreign = {text for text in every if text in set(pq.read_table(held)["text"].to_pylist())}
    assert foreign
    assert not foreign & set(scored[0].texts)
    size = sum(map(len, foreign)) / sum(map(len, every))
    assert size == pytest.approx(0.5, abs=0.02)
    assert target(baseline, scored, [held], run_bytes=10**6) is None  # too little of it
    assert target(baseline, scored, [], run_bytes=10) is None


def test_the_best_rows_hold_their_share_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    scores = [0.1, None, 0.9, 0.5, 0.7]
    pq.write_table(pa.table({"text": ["aa", "bb", "cc", "dd", "ee"], "quality": scores}), path)
    arm = survey([path])
    assert best(arm, "quality", 0.4).chosen.tolist() == [False, False, True, False, True]
    assert best(arm, "quality", 0.59).chosen.sum() == 2
    assert best(arm, "quality", 0.8).chosen.tolist() == [True, False, True, True, True]
    with pytest.raises(ValueError, match="no column 'hosts'"):
        best(arm, "hosts", 0.4)
    with pytest.raises(ValueError, match=r"a share of 1\.5 of the candidate"):
        best(arm, "quality", 1.5)


def test_a_random_selection_has_the_size_asked_for(baseline: Arm) -> None:
    arm = random_selection(baseline, np.arange(200) < 100, 20_000)
    assert arm.chosen_bytes == pytest.approx(20_000, abs=1_000)
    assert not arm.chosen[100:].any()
    assert 10 < arm.chosen[:50].sum() < 40, "not the first ones"
