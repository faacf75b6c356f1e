"""Near copies: what matches goes, what only looks alike stays."""

import random
import string

import pytest
from pydantic import ValidationError

from stages.l1_filter.duplicates.near_duplicates import NearDuplicates


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(string.ascii_lowercase, k=6)) for _ in range(count)]


def document(name: str, tokens: list[str], **columns: str) -> dict[str, str]:
    return {"id": name, "text": " ".join(tokens), **columns}


def dropped(found) -> dict[str, str]:
    return {row["id"]: row["kept_id"] for row in found.values() if row["rule"]}


def test_near_copy_goes_with_its_similarity(decide):
    text = words(1, 204)
    rows = [document("a", text), document("b", [*text, "end"]), document("c", words(2, 204))]
    found = decide(NearDuplicates(), rows)
    assert dropped(found) == {"a": "b"}  # the longest stays
    assert found[0, 0]["rule"] == "near_copy"
    assert found[0, 0]["value"] == found[0, 0]["similarity"] == 200 / 201
    assert found[0, 0]["threshold"] == 0.8
    kept = found[1, 0]
    assert (kept["rule"], kept["cluster"], kept["similarity"], kept["cluster_size"]) == (None, "b", 1.0, 2)


def test_case_punctuation_and_accents_do_not_matter(decide):
    text = "On 3 May, the café's 1,250 guests left; nobody knew why they had come."
    same = "ON 3 MAY -- the cafe's 1 250 guests left nobody knew why they had come"
    other = "on 17 may the cafes  9 guests LEFT nobody knew -- why they had come"
    assert len(dropped(decide(NearDuplicates(), [{"id": "a", "text": text}, {"id": "b", "text": same}]))) == 1
    assert not dropped(decide(NearDuplicates(), [{"id": "a", "text": text}, {"id": "b", "text": other}]))


def table_of(draw: random.Random, kind: str, rows: int) -> str:
    """A page that is mostly figures: the same words on every page, other numbers."""
    if kind == "digits":
        return " ".join(str(draw.randrange(10**6)) for _ in range(5 * rows))
    row = {
        "prices": lambda: (
            f"Item {draw.randrange(1000)}: {draw.randrange(10**5) / 100:.2f} EUR, was {draw.random():.2f}"
        ),
        "phones": lambda: f"Tel. +49 {draw.randrange(30, 999)} {draw.randrange(10**6)}",
        "scores": lambda: (
            f"Team {draw.randrange(99)} {draw.randrange(9)}-{draw.randrange(9)} Team {draw.randrange(99)}"
        ),
        "dates": lambda: (
            f"{draw.randrange(1, 31)}/{draw.randrange(1, 12)}: {draw.randrange(40)} °C, {draw.randrange(99)} %"
        ),
    }[kind]
    return "\n".join(row() for _ in range(rows))


@pytest.mark.parametrize("kind", ["digits", "prices", "phones", "scores", "dates"])
def test_pages_that_differ_in_their_numbers_stay(decide, kind):
    draw = random.Random(kind)
    pages = [table_of(draw, kind, draw.randrange(20, 60)) for _ in range(40)]
    rows = [{"id": f"{place:02d}", "text": page} for place, page in enumerate(pages)]
    assert not dropped(decide(NearDuplicates(), rows))
    copies = [{"id": f"copy {place:02d}", "text": page.upper()} for place, page in enumerate(pages)]
    assert len(dropped(decide(NearDuplicates(), rows + copies))) == 40


def test_similarity_counts_numbers_as_words(decide):
    text = words(1, 204)
    rows = [document(name, [*text[:50], number, *text[51:]]) for name, number in (("a", "3"), ("b", "17"))]
    found = decide(NearDuplicates(), rows)
    assert [row["value"] for row in found.values() if row["rule"]] == [195 / 205]  # five of 200 shingles hold it


def test_where_nothing_is_verified_numbers_count_as_with_fineweb(decide):
    rows = [{"id": name, "text": table_of(random.Random(name), "scores", 60)} for name in "ab"]
    assert len(dropped(decide(NearDuplicates(verify=None), rows))) == 1
    assert NearDuplicates().identity()["folds_numbers"] is False
    assert NearDuplicates(verify=None).identity()["folds_numbers"] is True


def test_short_texts_match_only_as_a_whole(decide):
    rows = [{"id": name, "text": text} for name, text in zip("abcd", ["Hi you!", "hi  YOU", "hi", "you"], strict=True)]
    assert dropped(decide(NearDuplicates(), rows)) == {"b": "a"}
    assert not decide(NearDuplicates(), [{"id": "a", "text": ""}, {"id": "b", "text": "!?"}, {"id": "c", "text": None}])


@pytest.mark.parametrize(("keep", "survivor"), [("longest", "c"), ("oldest", "b"), ("newest", "a"), ("first", "a")])
def test_survivor_order(decide, keep, survivor):
    text = words(1, 200)
    rows = [
        document("b", text, date="2013-05-18T05:31:07Z"),
        document("a", text, date="2024-01-01"),
        document("c", [*text, "more"], date="long ago"),
    ]
    for order in (rows, rows[::-1]):
        assert set(dropped(decide(NearDuplicates(keep=keep), order)).values()) == {survivor}


def test_nothing_goes_through_a_chain(decide):
    """a ~ b ~ c by 0.83 each, but a and c share only 0.67: b goes to a, c stays."""
    text = words(1, 104)
    ends = words(2, 10), words(3, 10)
    rows = [document("a", text), document("b", ends[0] + text[10:]), document("c", ends[0] + text[10:94] + ends[1])]
    step = NearDuplicates(verify=0.75, bands=50, rows=3, keep="first")
    found = decide(step, rows, shards=1)
    assert dropped(found) == {"b": "a"}
    assert [(row["cluster"], row["cluster_size"]) for row in found.values()] == [("a", 2), ("a", None), ("a", 1)]
    assert dropped(decide(step.model_copy(update={"verify": None}), rows)) == {"b": "a", "c": "a"}


def test_page_template_wipes_out_nothing(decide):
    template = words(0, 150)
    rows = [document(f"{number:04d}", [*template, *words(number, 50)]) for number in range(1, 5001)]
    assert not decide(NearDuplicates(), rows)
    assert len(dropped(decide(NearDuplicates(verify=None), rows))) > 4000  # what trusting the bands would do


def test_many_copies_leave_one(decide):
    text = " ".join(words(1, 60))
    rows = [{"id": f"{number:06d}", "text": text} for number in range(100_000)]
    found = decide(NearDuplicates(), rows, shards=4)
    assert len(dropped(found)) == 99_999
    assert found[0, 0]["cluster_size"] == 100_000


def test_large_family_of_different_copies_leaves_one(decide):
    text = words(1, 300)
    rows = [document(f"{number:04d}", [*text, *words(number, 3)]) for number in range(2, 2002)]
    assert len(dropped(decide(NearDuplicates(), rows))) == 1999


def test_a_component_too_large_for_memory_is_compared_on_a_sample(decide, monkeypatch):
    monkeypatch.setattr("stages.l1_filter.duplicates.near_graph.SETS_IN_MEMORY", 500)
    text = words(1, 400)
    rows = [document(f"{number:04d}", [*text, *words(number, 3)]) for number in range(2, 2002)]
    found = decide(NearDuplicates(), rows)
    assert len(dropped(found)) == 1999
    assert len({row["similarity"] for row in found.values()}) < 10  # measured on about 100 shingles each: coarse


def test_same_survivors_in_any_order_and_sharding(decide, monkeypatch):
    rows = []
    for family in range(40):
        text = words(family, 120)
        for member in range(family % 5 + 1):
            edited = list(text)
            for place in range(member):
                edited[place * 20] = f"x{string.ascii_lowercase[member]}"
            rows.append(document(f"{family:02d}-{member}", edited))
    results = []
    for seed, shards, partition, batch in ((0, 1, 1000, 1000), (1, 3, 50, 7), (2, 8, 2, 1)):
        monkeypatch.setattr("pipeline.run.grouping.PARTITION_BYTES", 448 * partition)
        monkeypatch.setattr("pipeline.store.shard.BATCH_ROWS", batch)
        random.Random(seed).shuffle(rows)
        found = decide(NearDuplicates(), rows, shards)
        results.append(sorted((row["id"], row["kept_id"], row["similarity"]) for row in found.values()))
    assert results[0] == results[1] == results[2]
    assert len(results[0]) > 60


def test_same_id_twice_leaves_one_row(decide):
    row = document("a", words(1, 60))
    found = decide(NearDuplicates(), [row, row, row])
    assert [found[place]["rule"] for place in sorted(found)] == [None, "near_copy", "near_copy"]


def test_presets():
    assert (NearDuplicates(preset="strict").bands, NearDuplicates(preset="strict").rows) == (26, 11)
    step = NearDuplicates(preset="strict")
    assert NearDuplicates.model_validate_json(step.model_dump_json()) == step
    with pytest.raises(ValidationError, match="preset 'strict' means 26 bands of 11 rows, not 14 of 11"):
        NearDuplicates(preset="strict", bands=14)


def test_datasketch_scheme_finds_the_same(decide):
    text = words(1, 204)
    rows = [document("a", text), document("b", [*text, "end"]), document("c", words(2, 204))]
    assert dropped(decide(NearDuplicates(scheme="datasketch"), rows)) == {"a": "b"}
