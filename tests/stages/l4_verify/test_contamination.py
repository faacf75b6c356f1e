"""Items of evaluation sets in rows and in what rows were made of: which item, where, by which rule."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.publish.calibration import calibrate
from pipeline.rows.batch import Batch
from stages.l4_verify.contamination import Contamination
from stages.l4_verify.contamination_rules import RULES

ITEMS = [
    {
        "query": "Question: An astronomer observes that a planet rotates faster after a meteorite impact. Which is the "
        "most likely effect of this increase in rotation?",
        "choices": ["Planetary density will decrease.", "Planetary days will become shorter."], "gold": 1,
    },
    {
        "question": "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
        "How many clips did Natalia sell altogether?",
        "answer": "Natalia sold 48/2 = 24 clips in May. She sold 48+24 = 72 clips altogether.",
    },
    {"query": "Which organelle releases energy?", "choices": ["ribosome", "chloroplast", "mitochondrion"], "gold": 2},
    {
        "query": "Passage: The total amount of energy input into the process compared to the energy released by "
        "burning the resulting ethanol fuel is known as the energy balance.\n"
        "Question: does ethanol cost more than it gives?",
        "choices": ["no", "yes"], "gold": 0,
    },
]  # fmt: skip
STORY = "The river rose in spring, and the miller moved his sacks into the loft before the water came. "


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sets") / "Toy-Set.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return path


def check(sets: Path, *texts: str, sources: list[str] | None = None, **parameters):
    columns = {"id": [str(n) for n in range(len(texts))], "text": list(texts)}
    columns |= {"source_text": sources} if sources else {}
    return Contamination(sets=(str(sets),), **parameters).check(Batch(pa.RecordBatch.from_pydict(columns)))


def first_hit(sets: Path, text: str):
    (evidence,) = check(sets, STORY + text + " " + STORY).evidence
    return evidence["hits"][0] if evidence else None


@pytest.mark.parametrize(
    ("text", "number", "rule"),
    [
        ("An astronomer observes that a planet rotates faster after a meteorite impact. Which is the most likely "
         "effect of this increase in rotation?", 0, "long_question"),
        ("AN ASTRONOMER NOTICES that one planet rotates faster -- after a meteorite impact; which is the most probable "
         "effect of this increase in rotation", 0, "long_question"),
        ("Natalia sold clips to forty-eight of her friends in April, and then she sold half as many clips in May. How "
         "many clips did Natalia sell altogether?", 1, "long_question"),
        ("Natalia sold clips to 1,250 of her friends in April, and then she sold half as many clips in May. How "
         "many clips did Natalia sell altogether?", 1, "long_question"),
        ("Which organelle releases energy?\nA) mitochondrion\nB) ribosome\nC) chloroplast", 2, "whole_item"),
    ],
)  # fmt: skip
def test_items_are_found_however_they_are_told(sets, monkeypatch, text, number, rule):
    # With four items every word is common: what few items can say is asked of them.
    monkeypatch.setattr("stages.l4_verify.contamination_rules.MUCH", 8.0)
    hit = first_hit(sets, text)
    assert hit is not None
    assert (hit["set"], hit["number"], hit["rule"]) == ("Toy-Set", number, rule)
    assert rule in RULES
    begin, end = hit["bytes"]
    told = (STORY + text).encode()[begin:end].decode()
    assert told.split()[0].lower() in {"an", "natalia", "which"}
    assert told.startswith(hit["span"])


@pytest.mark.parametrize(
    "text",
    [
        STORY * 20,
        "An astronomer observes the sky. A planet rotates. Which effect is likely?",
        "Which organelle releases energy is taught in the seventh year.",
        "",
    ],
)
def test_what_is_no_item_passes_without_evidence(sets, text):
    verdicts = check(sets, text)
    assert (verdicts.verdict, verdicts.evidence) == (["pass"], [{}])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Planets orbit\nA. Earth.\nB. the Moon.\nC. the Sun.", "whole_item"),
        ("What do stems do for plants?\nAnswer: provide support", "answered"),
        ("Planets orbit the Sun, and stems do much for plants, such as to provide support", None),
        ("What do stems do for plants? That is asked in school, and some say that they provide support", None),
    ],
)
def test_short_items_are_found_as_they_are_listed_or_answered(tmp_path, monkeypatch, text, rule):
    monkeypatch.setattr("stages.l4_verify.contamination_rules.MUCH", 4.0)  # four items make no word rare
    short = [
        {"question": "Planets orbit", "choices": ["Earth.", "the Moon.", "the Sun."], "gold": 2},
        {"question": "What do stems do for plants?", "choices": ["absorb water", "provide support"], "gold": 1},
        *({"question": f"{word} {word} {word}?", "answer": word} for word in ("slate", "chalk")),
    ]
    path = tmp_path / "short.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in short))
    hit = first_hit(path, text)
    assert (hit and hit["rule"]) == rule


def test_a_tainted_source_taints_what_was_made_of_it(sets):
    item = ITEMS[0]["query"]
    verdicts = check(sets, STORY, item, STORY, sources=[item, STORY, STORY])
    assert verdicts.verdict == ["fail", "fail", "pass"]
    assert [str(defect) for defect in verdicts.defect] == ["source_toy_set", "toy_set", ""]
    assert verdicts.defect[0].value == pytest.approx(1.0)
    assert [hits["in"] for hits in verdicts.evidence[0]["hits"]] == ["source_text"]


def test_audit_passes_all_and_counts_by_set(sets):
    step = Contamination(sets=(str(sets),), mode="audit")
    rows = pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": [ITEMS[0]["query"], STORY]})
    outcome = step.process(Batch(rows))
    assert outcome.judgement.kept.tolist() == [True, True]
    assert outcome.changed == {"hit_Toy-Set": 1}
    assert json.loads(outcome.batch.column("verdicts")[0].as_py())[0]["evidence"]["hits"][0]["number"] == 0


def test_a_passage_is_listed_and_counts_only_if_asked_for(sets):
    passage = ITEMS[3]["query"].split("\n")[0].removeprefix("Passage: ")
    verdicts = check(sets, passage)
    assert verdicts.verdict == ["pass"]
    assert verdicts.evidence[0]["hits"][0]["part"] == "passage"
    assert check(sets, passage, passages=True).verdict == ["fail"]


def test_a_set_that_is_none_is_a_problem_of_the_plan(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    (problem,) = Contamination(sets=(str(tmp_path / "x.jsonl"),)).resolve()
    assert "x.jsonl line 1: it has none of the keys" in problem


def test_the_content_of_a_set_counts(sets, tmp_path):
    step = Contamination(sets=(str(sets),))
    assert list(step.assets()) == ["Toy-Set"]
    other = tmp_path / "Toy-Set.jsonl"
    other.write_text('{"question": "Why?", "answer": "So."}\n')
    assert Contamination(sets=(str(other),)).assets() != step.assets()


def test_it_calibrates_itself_on_planted_items(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS[:2]))
    rows = pa.RecordBatch.from_pydict({"id": [str(n) for n in range(20)], "text": [STORY] * 20})
    found = calibrate(Contamination(sets=(str(path),)), rows, seed=1)
    assert {kind: counts["caught"] for kind, counts in found.items()} == {
        "verbatim": 20, "options_shuffled": 20, "renumbered": 20, "repunctuated": 20,
    }  # fmt: skip
    assert calibrate(Contamination(sets=(str(path),), mode="audit"), rows, seed=1) == {}
