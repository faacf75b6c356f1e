"""Draws, and the hidden gold among them."""

import pyarrow as pa

from pipeline.rows.batch import Batch
from stages.l4_verify.people.lots import candidates, census, describe, draw, stratum_of
from tests.stages.l4_verify.people.helpers import registration

SOURCE = "The town has 12 mills. They were built in 1840. Nobody lives there now. The river is wide."


def rows(count: int) -> list[dict[str, str]]:
    return [
        {
            "id": f"{n:032x}",
            "text": f"The town has {n} mills and it is old.",
            "source_text": SOURCE,
            "prompt": "ab"[n % 2],
        }
        for n in range(count)
    ]


def batch(some: list[dict[str, str]]) -> Batch:
    return Batch(pa.RecordBatch.from_pylist(some))


def test_a_lot_is_named_by_its_rows_and_not_by_their_order():
    some = rows(20)
    whole = census(batch(some), None, ["prompt"])
    parts = pa.concat_tables(
        [census(batch(some[::-1][:7]), None, ["prompt"]), census(batch(some[:13]), None, ["prompt"])]
    )
    assert describe(whole) == describe(parts)
    assert describe(whole)[1] == {"prompt=a": 10, "prompt=b": 10}
    assert describe(whole)[0] != describe(census(batch(some[:19]), None, ["prompt"]))[0]


def test_strata_by_value_and_numbers_by_tenths():
    assert stratum_of({"a": "x", "b": 0.57, "c": None, "d": float("nan")}, ["a", "b", "c", "d"]) == (
        "a=x b=0.5 c=(none) d=(none)"
    )


def drawn(some, uniform=10, per_stratum=0, parts=1, **more):
    plan = registration(uniform, strata={"": len(some)}, **more)
    tables = [candidates(batch(some[n::parts]), None, plan, uniform + 3, per_stratum) for n in range(parts)]
    return draw(pa.concat_tables(tables), plan, uniform, per_stratum)


def test_the_same_draw_from_one_batch_and_from_seven():
    some = rows(100)
    assert drawn(some) == drawn(some, parts=7)
    assert drawn(some, per_stratum=8, strata_columns=["prompt"]) == drawn(
        some, per_stratum=8, strata_columns=["prompt"], parts=7
    )


def test_every_row_is_drawn_equally_often():
    some = rows(40)
    counts = dict.fromkeys((row["id"] for row in some), 0)
    for seed in range(200):
        plan = registration(10) | {"seed": seed}
        for one in draw(candidates(batch(some), None, plan, 10, 0), plan, 10, 0):
            counts[one["id"]] += 1
    assert 25 <= min(counts.values()) <= 50 <= max(counts.values()) <= 75  # 200 * 10 / 40, and four deviations


def test_ranks_follow_the_draw_and_positions_the_page():
    found = drawn(rows(60), gold_share=0.3)
    assert [one["position"] for one in found] == list(range(len(found)))
    assert sorted(one["rank"] for one in found if one["role"] == "sample") == list(range(10))


def test_gold_is_hidden_among_the_sample_and_half_of_it_is_bad():
    found = drawn(rows(60), gold_share=0.4)
    gold = [one for one in found if one["role"] == "gold"]
    assert sorted(one["gold"]["verdict"] for one in gold) == ["fail", "fail", "pass", "pass"]
    texts = {row["text"] for row in rows(60)}
    for one in gold:
        assert one["text"] not in texts
        if one["gold"]["verdict"] == "pass":
            assert all(sentence in SOURCE for sentence in one["text"].split(". "))
    assert not {one["id"] for one in gold} & {row["id"] for row in rows(60)}


def test_a_share_of_the_records_is_for_two():
    found = drawn(rows(200), uniform=100, double_share=0.2)
    assert 8 <= sum(one["wanted"] == 2 for one in found) <= 34
