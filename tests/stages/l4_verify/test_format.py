import pyarrow as pa
import pytest

from pipeline.publish.calibration import calibrate
from pipeline.rows.batch import Batch
from stages.l4_verify.format import Format

PAIRS = "Question: Who was it?\nAnswer: Ann.\n\nQuestion: When was it?\nAnswer: It was in May."
PROSE = "Ann went home. She came back in May."
PROSE_FORM = '{"kind": "prose"}'
PAIRS_FORM = '{"kind": "pairs", "question": "Question", "answer": "Answer"}'


def rows(*texts: str, form: str | None = PROSE_FORM, source: str = "Ann.") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [f"{row:032x}" for row in range(len(texts))],
            "text": list(texts),
            "source_text": [source] * len(texts),
            "form": pa.array([form] * len(texts), pa.string()),
        }
    )


def defect(text: str, form: str | None = PROSE_FORM, source: str = "Ann.") -> str:
    return Format().check(Batch(rows(text, form=form, source=source))).defect[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROSE, ""),
        ('She said "I am home."', ""),
        ("", "empty"),
        (f"{PROSE}<|im_end|>", "residue"),
        (f"{PROSE}\nassistant\n{PROSE}", "residue"),
        (f"<p>{PROSE}</p>", "residue"),
        ("Ann wrote {document} here.", "residue"),
        ("Ann \x07went home.", "control_characters"),
        (f"```\n{PROSE}", "unbalanced_fence"),
        ("Ann paid $$5.", "unbalanced_fence"),
        ("Ann went home. She came", "unfinished"),
    ],
)
def test_any_text(text, expected):
    assert defect(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAIRS, ""),
        (PAIRS.rstrip("."), ""),
        (PROSE, "no_pairs"),
        ("Question: Who was it?\nAnswer: Ann.\nQuestion: When?\nAnswer: In May.", "no_pairs"),
        ("Question: Who was it?\n\nAnswer: Ann.", "no_pairs"),
        ("Question: It was Ann.\nAnswer: Ann.", "no_question_mark"),
        ("Question: Who?\nAnswer: Ann.\n\nQuestion: who?\nAnswer: Bob.", "repeated_question"),
    ],
)
def test_questions_and_answers(text, expected):
    assert defect(text, PAIRS_FORM) == expected


def test_a_role_name_is_residue_though_the_source_has_the_word():
    assert defect(f"{PROSE}\nassistant\nDone.", source="Her assistant agreed.") == "residue"


@pytest.mark.parametrize("mark", ["<|eot_id|>", "[/INST]", "<｜User｜>", "<end_of_turn>", "</s>"])
def test_a_mark_of_a_chat_format_is_residue_whatever_the_source_holds(mark):
    assert defect(f"{PROSE} {mark}", source=f"Ann. {mark}") == "residue"


def test_labels_come_with_the_row():
    form = '{"kind": "pairs", "question": "问题", "answer": "答案"}'
    assert defect("问题: 谁？\n答案: 安。", form) == ""
    assert defect(PAIRS, form) == "no_pairs"


def test_a_tag_of_the_source_is_no_residue():
    assert defect("Use <b> for bold.", source="In HTML, <b> makes bold.") == ""


@pytest.mark.parametrize("form", [None, '{"kind": "poem"}'])
def test_an_unknown_form_is_no_pass(form):
    verdicts = Format().check(Batch(rows(PROSE, form=form)))
    assert (verdicts.verdict, verdicts.defect) == (["abstain"], ["unknown_form"])


def test_seeded_defects_are_caught():
    found = calibrate(Format(), rows(*[PAIRS] * 10, form=PAIRS_FORM), seed=3)
    assert found.pop("cut")["mutants"] == 0  # fewer words of an answer may still be an answer
    assert found.pop("line_dropped")["mutants"] == 0  # it is for the other forms
    assert {kind: (entry["mutants"], entry["recall"]) for kind, entry in found.items()} == {
        "token_left": (10, 1.0),
        "fence_opened": (10, 1.0),
        "answer_dropped": (10, 1.0),
    }
    prose = calibrate(Format(), rows(PROSE), seed=3)
    assert prose["cut"]["recall"] == 1.0
    assert prose["answer_dropped"] == {"mutants": 0, "caught": 0}
