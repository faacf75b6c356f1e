import pytest

from stages.l3_synthesize.prompts import PLACEHOLDER, PROMPTS, Prompt, find_prompt, pairs, plain


def test_a_placeholder_inside_the_document_is_not_expanded():
    document = f"Braces {{x}} and {PLACEHOLDER} and \\frac{{a}}{{b}} stay."
    for prompt in PROMPTS.values():
        messages = prompt.messages(document)
        assert messages[1][1].count(document) == 1
        assert prompt.document(messages) == document


def test_a_prompt_without_its_placeholder_is_refused():
    with pytest.raises(ValueError, match=r"'bare@1' must hold \{document\} exactly once"):
        Prompt("bare", 1, "", "Rewrite this.", plain)


def test_the_hash_follows_what_the_model_sees_and_not_the_parser():
    first = Prompt("p", 1, "System.", f"Say {PLACEHOLDER}", plain)
    assert first.sha256 == Prompt("p", 1, "System.", f"Say {PLACEHOLDER}", pairs).sha256
    others = [
        Prompt("p", 2, "System.", f"Say {PLACEHOLDER}", plain),
        Prompt("p", 1, "Other.", f"Say {PLACEHOLDER}", plain),
        Prompt("p", 1, "System.", f"Tell {PLACEHOLDER}", plain),
        Prompt("p", 1, "System.", f"Say {PLACEHOLDER}", plain, opening="So"),
    ]
    assert len({prompt.sha256 for prompt in [first, *others]}) == 5


def test_prompts_are_found_by_name_and_by_version():
    assert find_prompt("rephrase").name == find_prompt("rephrase@1").name == "rephrase"
    with pytest.raises(ValueError, match="prompt 'reprase' is not known; there are rephrase@1, question_answer@1"):
        find_prompt("reprase")


def test_quotation_marks_around_the_whole_answer_are_envelope():
    assert plain(' "All of it." ') == "All of it."
    assert plain('"One" and "two"') == '"One" and "two"'
    assert plain("  \n") == "empty"


@pytest.mark.parametrize(
    "answer",
    [
        "Question: Who?\nAnswer: Ann.\nQuestion: When?\nAnswer: In May.",
        "Question 1: Who?\n\nAnswer 1: Ann.\n\n**Question 2:** When?\nAnswer: In May.",
        "Question: Who?\nAnswer: Ann.\nQuestion: When?\nAnswer: In May.\nQuestion: Who?\nAnswer: Bob.",
        "Three questions follow\nQ: Who?\nA: Ann.\nQ: When?\nA: In\nMay.",  # a stray line does not cost the row
    ],
)
def test_pairs_come_out_in_one_form(answer):
    assert pairs(answer) == "Question: Who?\nAnswer: Ann.\n\nQuestion: When?\nAnswer: In May."


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
def test_a_missing_half_is_never_a_success(answer):
    assert pairs(answer) == "off_format"
