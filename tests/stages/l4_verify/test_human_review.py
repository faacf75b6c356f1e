"""The level waits, the draw is registered first and never repeated, and the decision decides."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.manifest import read_rows
from pipeline.errors import WaitsForPeople
from pipeline.publish.verify import CONTENT
from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.artifact import unfinished
from pipeline.store.local import LocalStore
from pipeline.store.review import PlanTaken, Review, lots
from pipeline.store.shard import file_sha256
from stages.l0_collect.readers.parquet import ParquetSource
from stages.l4_verify.human_review import Gates, HumanReview
from stages.l4_verify.people.lots import dump
from stages.l4_verify.people.outcome import Review as Said
from stages.l4_verify.people.outcome import decide

PLAN = {"aql": 0.02, "ltpd": 0.4}  # 5 of 30 rows, none bad


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def run(store: LocalStore, files: int = 1, **parameters: Any) -> Finished:
    rows = [{"text": f"Row {number} is about {number * 7} boats.", "source": "ab"[number % 2]} for number in range(30)]
    inputs = []
    for number in range(files):
        path = Path(store.root, f"in-{files}-{number}.parquet")
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows[number::files]), path)
        inputs.append(InputFile(str(path), file_sha256(path)))
    source = ParquetSource(paths=("x",))
    first = run_level(Level("l0_collect", "toy", (), source), store, InlineRunner(), lambda *_: None, inputs)
    step = HumanReview(**{"plan": PLAN, "double_share": 0, **parameters})
    return run_level(Level("l4_verify", "toy", (step,)), store, InlineRunner(), lambda *_: None, parent=first)


def waits(store: LocalStore, **parameters: Any) -> Review:
    with pytest.raises(WaitsForPeople) as caught:
        run(store, **parameters)
    return Review(store, caught.value.lot)


def say(review: Review, **verdicts: str) -> dict[str, Any]:
    """Decide the lot: every record passes but those of the sample whose rank is named, as `_2="fail"`."""
    said = []
    for one in review.records():
        truth = one.get("gold", {}).get("verdict", "pass")
        verdict = verdicts.get(f"_{one['rank']}", truth)
        said.append(Said(one["id"], "ann", verdict, ("number",) if verdict == "fail" else ()))
    made = decide(review.registered(), review.records(), said)
    review.decide(dump(made))
    return made


def fates(store: LocalStore, level: Finished, role: str) -> list[dict[str, Any]]:
    return [row for batch in read_rows(store, level.directory, level.manifest, role) for row in batch.to_pylist()]


def test_the_level_is_an_artifact_that_waits_and_says_for_what(store: LocalStore):
    review = waits(store)
    ((key, state),) = unfinished(store).items()
    assert key.startswith("l4_verify/toy-")
    assert state.name == "waiting"
    assert state.note == f"lot {review.lot} waits for people: 5 records to judge with `orefine review {review.lot}`"
    assert waits(store).lot == review.lot  # it goes on waiting


def test_an_accepted_lot_passes_less_what_people_failed(store: LocalStore):
    made = say(waits(store, plan=PLAN | {"aql": 0.2, "ltpd": 0.6}), _0="fail", _1="unsure")
    assert made["outcome"] == "accepted"
    level = run(store, plan=PLAN | {"aql": 0.2, "ltpd": 0.6})
    assert level.manifest.dropped == {"human_review.abstained_unsure": 1, "human_review.defect_number": 1}
    kept = fates(store, level, "data")
    assert len(kept) == 28
    entries = [json.loads(row["verdicts"])[-1] for row in kept]
    assert {(entry["means"], entry["verdict"]) for entry in entries} == {("human", "pass")}
    assert sum(entry["evidence"]["looked_at"] for entry in entries) == len(made["rows"]) - 2
    assert unfinished(store) == {}


def test_a_rejected_lot_leaves_as_a_whole_with_the_count_and_the_limit(store: LocalStore):
    made = say(waits(store), _0="fail")
    assert (made["outcome"], made["defects"], made["accept"]) == ("rejected", 1, 0)
    level = run(store)
    assert level.manifest.dropped == {"human_review.defect_number": 1, "human_review.lot_rejected": 29}
    assert {(row["value"], row["threshold"]) for row in fates(store, level, "dropped")} == {(1.0, 0.0)}


def test_or_each_of_its_rows_is_looked_at(store: LocalStore):
    first = waits(store, on_reject="inspect_all")
    made = say(first, _0="fail")
    rest = waits(store, on_reject="inspect_all")
    assert rest.lot == f"{first.lot}-all"
    sample = [one for one in rest.records() if one["role"] == "sample"]
    assert len(sample) == 30 - len(made["rows"])  # those that people have seen are not asked for again
    say(rest, _3="fail")
    level = run(store, on_reject="inspect_all")
    assert level.manifest.dropped == {"human_review.defect_number": 2}
    assert level.manifest.rows_out == 28


def test_the_same_rows_are_never_drawn_again_under_another_seed_or_plan(store: LocalStore):
    say(waits(store), _0="fail")
    for other in ({"seed": 1}, {"plan": {"aql": 0.2, "ltpd": 0.6}}):
        with pytest.raises(PlanTaken, match="a lot is drawn once"):
            run(store, **other)


def test_the_draw_does_not_depend_on_the_files(tmp_path: Path):
    drawn = [[one["text"] for one in waits(LocalStore(tmp_path / str(n)), files=n).records()] for n in (1, 4)]
    assert drawn[0] == drawn[1]


def test_what_was_registered_lies_there_before_the_draw_and_what_people_said_beside_the_level(store: LocalStore):
    review = waits(store)
    plan = review.registered()
    assert (plan["rows"], plan["looks"]) == (30, [{"rows": 5, "accept": 0, "reject": 1}])
    assert len(plan["registration"]) == 64
    say(review)
    level = run(store)
    (entry,) = level.manifest.of("people")
    assert json.loads(store.read(f"{level.directory}/{entry.path}"))["registration"] == plan["registration"]
    assert "people" in CONTENT
    assert lots(store) == [review.lot]


def test_a_decision_of_another_registration_is_refused(store: LocalStore):
    review = waits(store)
    review.decide(dump({"registration": "x"}))
    with pytest.raises(ValueError, match="decide the lot again"):
        run(store)


def test_each_stratum_gets_its_rows(store: LocalStore):
    review = waits(store, strata=("source",), per_stratum=6)
    by_stratum = {"source=a": 0, "source=b": 0}
    for one in review.records():
        by_stratum[one["stratum"]] += one["role"] != "gold"
    assert min(by_stratum.values()) >= 6
    assert sum(one["role"] == "sample" for one in review.records()) == 5


def test_a_column_that_is_not_there_is_said_before_the_run():
    with pytest.raises(ValueError, match="no column prompt here"):
        HumanReview(strata=("prompt",)).check_input(pa.schema([("text", pa.string())]))


@pytest.mark.parametrize(
    ("planted", "caught", "broken"),
    [(1, 0, False), (2, 0, True), (4, 2, False), (4, 1, True), (20, 18, False), (20, 14, True), (0, 0, False)],
)
def test_the_gate_of_gold_is_broken_where_chance_is_no_excuse(planted: int, caught: int, broken: bool):
    statistics = {"gold": {"planted": planted, "caught": caught}, "agreement": {"items": 0, "gwet_ac1": None}}
    found = Gates().broken(statistics)
    assert (found == "reviewers_missed_gold") == broken
    assert Gates(gold=None).broken(statistics) is None


def test_the_gate_of_agreement_asks_for_enough_records():
    def broken(items: int, value: float | None) -> str | None:
        return Gates().broken({"gold": {"planted": 0, "caught": 0}, "agreement": {"items": items, "gwet_ac1": value}})

    assert [broken(10, 0.66), broken(10, 0.67), broken(9, 0.1), broken(10, None)] == [
        "reviewers_disagree",
        None,
        None,
        None,
    ]


def test_no_row_stays_on_the_word_of_reviewers_who_miss_what_was_planted(store: LocalStore):
    settings = {"gold_share": 1.0, "plan": {"aql": 0.01, "ltpd": 0.15}}
    first = waits(store, **settings)
    planted = sum(one.get("gold", {}).get("verdict") == "fail" for one in first.records())
    assert planted >= 2
    blind = [Said(one["id"], "ann", "pass") for one in first.records()]
    made = decide(first.registered(), first.records(), blind)
    assert made["outcome"] == "accepted"
    first.decide(dump(made))
    level = run(store, **settings)
    assert level.manifest.dropped == {"human_review.reviewers_missed_gold": 30}
    assert {(row["value"], row["threshold"]) for row in fates(store, level, "dropped")} == {(0.0, 0.9)}
    rest = waits(store, on_reject="inspect_all", **settings)  # each row is looked at anew, those seen before as well
    assert sum(one["role"] == "sample" for one in rest.records()) == 30
