"""The n-th best row, held to a plain sort."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.run.grouping import BYTES_PER_ROW
from stages.l2_select.choose import quantiles as cuts
from stages.l2_select.choose.top_fraction import TopFraction


def test_places_order_scores_and_give_them_back():
    scores = np.array([-np.inf, -2.5, -1e-300, -0.0, 0.0, 1e-300, 0.5, 0.5 + 1e-16, 1.0, np.inf])
    places = cuts.place_of(scores)
    assert (np.diff(places.astype(object)) <= 0).all()
    assert places[3] == places[4]
    np.testing.assert_array_equal(cuts.score_at(places), scores)


def plain(rows: list[dict], fraction: float, per: str | None) -> set[str]:
    """Ids that stay, by sorting."""
    kept = set()
    for group in {row.get(per) for row in rows}:
        members = [row for row in rows if row.get(per) == group and row["quality"] is not None]
        batch = Batch(pa.RecordBatch.from_pylist(members))
        keys = cuts.score_rows(batch, None, ("quality",), None).column("key").to_pylist()
        order = sorted(zip(members, keys, strict=True), key=lambda row: (-row[0]["quality"], row[1]))
        kept |= {row["id"] for row, _ in order[: -(-round(fraction * 1000) * len(order) // 1000)]}
    return kept


@pytest.mark.parametrize("gather", [1_000_000, 20, 0], ids=["sorted at once", "few rounds", "all rounds"])
@pytest.mark.parametrize("per", [None, "source"])
def test_agrees_with_a_sort_at_any_size_and_with_ties(decide, monkeypatch, gather, per):
    monkeypatch.setattr(cuts, "GATHER_ROWS", gather)
    monkeypatch.setattr("pipeline.run.grouping.PARTITION_BYTES", 100 * BYTES_PER_ROW)
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.random(200), np.full(150, 1.0), generator.random(150).round(1)])
    rows = [
        {"id": f"{number:032x}", "source": f"s{number % 3}", "quality": float(np.float32(score))}
        for number, score in enumerate(scores)
    ]
    rows[7]["quality"] = None
    for fraction in (0.1, 0.25, 1.0):
        step = TopFraction(fraction=fraction, per=per)
        found = decide(step, rows, shards=3)
        assert {row["id"] for row in rows} - set(found) == plain(rows, fraction, per)
        other = decide(step, rows[::-1], shards=5)
        assert {name: (row["value"], row["threshold"]) for name, row in other.items()} == {
            name: (row["value"], row["threshold"]) for name, row in found.items()
        }
