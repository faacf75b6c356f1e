"""Which of several copies stays."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA
from pipeline.store.partitions import COUNTERS
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates

TEXT = " ".join("abcdefghijklmnopqrstuvwxyz")


def dropped(found) -> set[str]:
    return {row["id"] for row in found.values() if row["rule"]}


def test_source_ranking_wins_over_length(decide):
    rows = [
        {"id": "a", "text": TEXT, "source": "crawl"},
        {"id": "b", "text": TEXT.upper(), "source": "wikipedia"},
        {"id": "c", "text": f"{TEXT}!!", "source": "crawl"},
    ]
    for step in (NearDuplicates(sources=("wikipedia", "books")), ExactDuplicates(sources=("wikipedia",))):
        assert "b" not in dropped(decide(step, rows))
    assert dropped(decide(NearDuplicates(), rows)) == {"a", "b"}


def test_best_score_stays_and_rows_without_one_come_last():
    scores = [0.5, None, -2.0, math.nan, 0.75, -0.0]
    schema = BASE_SCHEMA.append(pa.field("quality", pa.float64()))
    rows = pa.RecordBatch.from_pylist([{"id": f"{row}", "quality": score} for row, score in enumerate(scores)], schema)
    found = NearDuplicates(keep="best", column="quality").quality(Batch(rows))
    assert np.argsort(found, kind="stable").tolist() == [4, 0, 5, 2, 1, 3]
    assert found[1] == found[3]


def test_best_needs_a_column_of_floats():
    with pytest.raises(ValueError, match="give `column` with keep: best only"):
        NearDuplicates(keep="best")
    with pytest.raises(ValueError, match="'url' is no column of floats"):
        NearDuplicates(keep="best", column="url").check_input(BASE_SCHEMA)
    NearDuplicates(keep="best", column="score").check_input(pa.schema([pa.field("score", pa.float32())]))


def test_order_follows_the_first_eight_digits_of_hex_ids():
    ids = ["00000001ff", "0000000a", "7fffffff", "80000000", "c0ffee00", "ffffffff"]
    order = ExactDuplicates().order(np.zeros(6, np.uint64), pa.array(ids))
    assert order.tolist() == [int(name[:8], 16) for name in ids]


@pytest.mark.parametrize(("copies", "weight"), [(1, None), (2, 2), (4, 3), (5, 5), (99, 5), (100, 8)])
def test_repeat_is_the_weight_of_the_cluster_size(decide, copies, weight):
    rows = [{"id": f"{number:03d}", "text": TEXT} for number in range(copies)]
    found = decide(NearDuplicates(repeat=True), rows)
    assert found.get((0, 0), {}).get("repeat") == weight
    assert NearDuplicates(repeat=True).columns()[1].name == "repeat"


def test_dates_that_keep_cannot_use_are_counted():
    dates = ["2018", "unknown", "", " ", None, "1514764800", "01/02/2018"]
    batch = Batch(pa.RecordBatch.from_pylist([{"date": date} for date in dates], BASE_SCHEMA))
    for keep in ("oldest", "newest"):
        assert ExactDuplicates(keep=keep).dates_missing(batch) == {
            "exact_duplicates.documents_without_a_date": 3,
            "exact_duplicates.dates_not_understood": 2,
        }
    assert ExactDuplicates().dates_missing(batch) == {}
    table = NearDuplicates(keep="oldest").band_rows(batch.with_text(pa.array(["some words"] * 7)), None)
    assert counters_of(table) == {
        "near_duplicates.documents_without_a_date": 3,
        "near_duplicates.dates_not_understood": 2,
    }
    assert counters_of(ExactDuplicates(keep="oldest").text_keys(batch, None)) != {}


def counters_of(table: pa.Table) -> dict[str, int]:
    return json.loads((table.schema.metadata or {}).get(COUNTERS, b"{}"))
