"""Forms of L3's rows, judged from the stored text: whole ones pass, and each with one thing broken fails."""

import json

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l4_verify.format import Format

FORMS = {
    "turns": ({"first": "Learner", "second": "Expert"}, "Learner: Where?\n\nExpert: There.\nBy the river."),
    "labelled": ({"labels": ["Problem", "Answer"]}, "Problem: What is 2: 1?\n\nAnswer: 2"),
    "table": (
        {"question": "Question", "answer": "Answer"},
        "| a | b |\n| --- | --- |\n| 1 \\| 2 | 3 |\n\nQuestion: Which?\nAnswer: 3",
    ),
    "bullets": ({}, "- One.\n- Two."),
    "sections": ({}, "# Title\n\n## First\nText.\n\n## Second\n1. Step."),
}
BROKEN = [
    ("turns", "Learner: Where?", "wrong_turns"),
    ("turns", "Expert: There.\n\nLearner: Where?", "wrong_turns"),
    ("turns", "Learner: Where?\n\nExpert: ", "wrong_turns"),
    ("turns", "Learner: Where?\n\nLearner: There.", "wrong_turns"),
    ("labelled", "Problem: What?", "missing_part"),
    ("labelled", "Answer: 2\n\nProblem: What?", "missing_part"),
    ("labelled", "Problem: What?\n\nAnswer: 2\n\nAnswer: 3", "missing_part"),
    ("labelled", "Problem: \n\nAnswer: 2", "missing_part"),
    ("table", "| a | b |\n| --- | --- |\n| 1 |\n\nQuestion: Which?\nAnswer: 3", "ragged_table"),
    ("table", "| a | b |\n| 1 | 2 |\n| 3 | 4 |\n\nQuestion: Which?\nAnswer: 3", "ragged_table"),
    ("table", "| a | b |\n| --- | --- |\n\nQuestion: Which?\nAnswer: 3", "ragged_table"),
    ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |", "no_pairs"),
    ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |\n\nQuestion: Which.\nAnswer: 3", "no_question_mark"),
    ("bullets", "- One.", "no_list"),
    ("bullets", "- One.\nTwo.", "no_list"),
    ("bullets", "- One.\n- ", "no_list"),
    ("sections", "Title\n## First\nText.", "empty_section"),
    ("sections", "# Title\nText.", "empty_section"),
    ("sections", "# Title\n## First\n## Second\nText.", "empty_section"),
    ("sections", "# Title\n## First\nText.\n## Second", "empty_section"),
]


def rows(kind: str, text: str) -> pa.RecordBatch:
    form = json.dumps({"kind": kind, **FORMS[kind][0]})
    return pa.RecordBatch.from_pylist([{"id": "1", "text": text, "source_text": "Ann.", "form": form}])


def defect(kind: str, text: str) -> str:
    return Format().check(Batch(rows(kind, text))).defect[0]


@pytest.mark.parametrize("kind", FORMS)
def test_whole_texts_pass_and_every_planted_defect_is_caught(kind: str):
    assert defect(kind, FORMS[kind][1]) == ""
    planted = Format().mutants(rows(kind, FORMS[kind][1]), 0)
    assert planted["line_dropped"].num_rows == 1
    for name, mutants in planted.items():
        for text in mutants.column("text").to_pylist():
            assert defect(kind, text), f"{name}: {text}"


@pytest.mark.parametrize(("kind", "text", "expected"), BROKEN)
def test_each_broken_form_has_its_defect(kind: str, text: str, expected: str):
    assert defect(kind, text) == expected
