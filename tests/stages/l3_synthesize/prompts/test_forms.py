"""The text inside an answer, or that there is none."""

import pytest

from stages.l3_synthesize.prompts.forms import Pairs, Prose

CHINESE = Pairs(question="问题", answer="答案")


def test_quotation_marks_around_the_whole_answer_are_envelope():
    assert Prose().read(' "All of it." ') == Prose().read("\u201cAll of it.\u201d") == "All of it."
    assert Prose().read('"One" and "two"') == '"One" and "two"'
    assert Prose().read("  \n") == "empty"


@pytest.mark.parametrize(
    "answer",
    [
        "Question: Who?\nAnswer: Ann.\nQuestion: When?\nAnswer: In May.",
        "Question 1: Who?\n\nAnswer 1: Ann.\n\n**Question 2:** When?\nAnswer: In May.",
        "Question: Who?\nAnswer: Ann.\nQuestion: When?\nAnswer: In May.\nQuestion: Who?\nAnswer: Bob.",
        "Three questions follow\nQ: Who?\nA: Ann.\nQ: When?\nA: In\nMay.",  # a stray line does not cost the row
    ],
)
def test_pairs_come_out_in_one_form(answer: str):
    assert Pairs().read(answer) == "Question: Who?\nAnswer: Ann.\n\nQuestion: When?\nAnswer: In May."


@pytest.mark.parametrize("answer", ["问题：谁？\n答案：安。", "**问题1：** 谁？\n\n答案 1: 安。"])
def test_chinese_labels_have_their_own_colon(answer: str):
    assert CHINESE.read(answer) == "问题: 谁？\n答案: 安。"


@pytest.mark.parametrize(
    "answer",
    [
        "There are no questions.",
        "Question: Who?",
        "Question: Who?\nQuestion: When?\nAnswer: In May.",
        "Answer: Ann.",
        "Question:\nAnswer: Ann.",
        "Question: Who?\nAnswer:",
        "Question: Who?\nAnswer: Who?",
        "",
    ],
)
def test_a_missing_half_is_never_a_success(answer: str):
    assert Pairs().read(answer) == "off_format"


def test_questions_and_answers_are_looked_at_apart():
    assert Pairs().runs("Question: Who?\nAnswer: Ann.\n\nQuestion: When?\nAnswer: In May.") == [
        ["Who?", "When?"],
        ["Ann.", "In May."],
    ]
