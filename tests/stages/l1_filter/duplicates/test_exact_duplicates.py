"""Repeats of a text: one stays, whatever the order."""

import pyarrow.parquet as pq

from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates


def test_case_and_white_space_do_not_matter(decide):
    texts = ["Same text here.", "same  TEXT\nhere. ", "Same text here!", "same\u00a0text here."]
    found = decide(ExactDuplicates(), [{"id": f"{number}", "text": text} for number, text in enumerate(texts)])
    assert list(found) == [(0, 1)]
    assert found[0, 1] | {"shard": 0, "row": 1} == {
        "shard": 0,
        "row": 1,
        "rule": "repeat",
        "value": 2.0,
        "threshold": 1.0,
        "id": "1",
        "cluster": "0",
        "kept_id": "0",
        "similarity": 1.0,
    }


def test_smallest_id_stays_whatever_the_order(decide):
    rows = [{"id": name, "text": "a text"} for name in ("c", "a", "b")]
    for order in (rows, rows[::-1], rows[1:] + rows[:1]):
        found = decide(ExactDuplicates(), order, shards=3)
        assert sorted(row["id"] for row in found.values()) == ["b", "c"]
        assert {(row["kept_id"], row["value"]) for row in found.values()} == {("a", 3.0)}


def test_same_id_twice_leaves_one_row(decide):
    found = decide(ExactDuplicates(), [{"id": "a", "text": "a text"}] * 5, shards=2)
    assert sorted(found) == [(0, 1), (1, 0), (1, 1), (1, 2)]


def test_different_texts_stay(decide):
    assert not decide(ExactDuplicates(), [{"id": "a", "text": ""}, {"id": "b", "text": "a"}, {"id": "c", "text": "b"}])


def test_real_repeats(decide, shared_data):
    files = sorted((shared_data / "fineweb").glob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file, columns=["id", "text"]).to_pylist()]
    assert len(rows) - len(decide(ExactDuplicates(), rows, shards=5)) == 2000
