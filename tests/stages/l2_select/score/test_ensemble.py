"""Several scores become one, through percentiles."""

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from stages.l2_select.score.ensemble import GRID, Ensemble, percentiles


def ensemble(**fields) -> Ensemble:
    return Ensemble.model_validate({"columns": ["edu", "web"], **fields})


def test_percentiles_put_scores_of_different_scales_on_one(decide):
    documents = [
        {"id": "a", "edu": 0.001, "web": 70.0},
        {"id": "b", "edu": 0.002, "web": 10.0},
        {"id": "c", "edu": 0.003, "web": 20.0},
        {"id": "d", "edu": 0.004, "web": 30.0},
    ]
    found = decide(ensemble(), documents)
    assert {name: row["ensemble"] for name, row in found.items()} == {"a": 87.5, "b": 37.5, "c": 62.5, "d": 87.5}
    assert {row["rule"] for row in found.values()} == {None}
    mean = decide(ensemble(by="percentile_mean", column="both"), documents)
    assert {name: row["both"] for name, row in mean.items()} == {"a": 50.0, "b": 25.0, "c": 50.0, "d": 75.0}


def test_a_row_that_lacks_a_score_gets_none(decide):
    documents = [{"id": "a", "edu": 0.5, "web": None}, {"id": "b", "edu": 0.5, "web": 1.0}]
    found = decide(ensemble(), documents)
    assert found["a"]["ensemble"] is None
    assert found["b"]["ensemble"] == 50.0
    assert decide(ensemble(), [{"id": "a", "edu": None, "web": None}])["a"]["ensemble"] is None


def test_percentiles_are_right_to_a_part_of_the_grid(decide):
    generator = np.random.default_rng(0)
    scores = generator.normal(size=2500).astype(np.float32)
    documents = [{"id": f"{n:04}", "edu": float(score), "web": float(score)} for n, score in enumerate(scores)]
    found = decide(ensemble(), documents, shards=3)
    rank = np.argsort(np.argsort(scores))
    exact = 100 * (rank + 0.5) / len(scores)
    got = np.array([found[f"{n:04}"]["ensemble"] for n in range(len(scores))])
    assert np.abs(got - exact).max() <= 100 / GRID


def test_equal_scores_share_the_middle_of_their_range():
    grid = np.array([0.0, 0.0, 0.0, 1.0])
    assert percentiles(np.array([0.0, 0.5, 1.0, np.nan]), grid)[:3].tolist() == [37.5, 75.0, 87.5]


def test_contradictions_are_refused():
    with pytest.raises(ValidationError, match="must all be different"):
        ensemble(column="edu")
    with pytest.raises(ValidationError):
        Ensemble.model_validate({"columns": ["edu"]})
    with pytest.raises(ValueError, match="no column 'web'"):
        ensemble().check_input(pa.schema([("edu", pa.float32())]))
    assert ensemble().columns() == (pa.field("ensemble", pa.float32()),)
