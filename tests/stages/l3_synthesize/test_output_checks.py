import pytest

from pipeline.steps import Reply
from stages.l3_synthesize.output_checks import reason_to_refuse
from stages.l3_synthesize.prompts import find_prompt

SOURCE = (
    "The town of Aarau lies on the river Aare, some forty kilometres west of Zurich. Its old town has painted gables, "
    "and its market is held every Saturday. The first bridge was built in 1251 and burnt down twice before the "
    "present one replaced it."
)
GOOD = (
    "Aarau is a town beside the Aare, about forty kilometres to the west of Zurich. Gables in its old centre are "
    "painted; each Saturday there is a market. A bridge from 1251 was lost to fire two times, and then the one that "
    "stands today took its place."
)


def refuse(text: str, prompt: str = "rephrase", source: str = SOURCE, finish_reason: str = "stop"):
    chosen = find_prompt(prompt)
    return reason_to_refuse(chosen, source, Reply("k", text, finish_reason, 90, 70), chosen.read(text))


def test_a_good_rewrite_is_accepted():
    assert refuse(GOOD) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{GOOD}\n```\ncode", "truncated"),
        (f"{GOOD}<|im_end|>", "role_leak"),
        (f"{GOOD}\nassistant\n{GOOD}", "role_leak"),
        (f"<think>The user wants a rewrite.\n{GOOD}", "reasoning_leak"),
        ("I'm sorry, but I cannot rewrite this text.", "refusal"),
        (f"As an AI language model, I have no opinion. {GOOD}", "refusal"),
        (f"Sure! {GOOD}", "preamble"),
        (f"Here is the rewritten text:\n\n{GOOD}", "preamble"),
        (f"Here's a simplified version of the passage: {GOOD}", "preamble"),
        (f"Rewritten text:\n{GOOD}", "preamble"),
        (f"{GOOD}\n\nLet me know if you need anything else!", "closer"),
        (f"{GOOD} I hope this helps.", "closer"),
        (f"The passage describes a town. {GOOD}", "about_the_text"),
        (f"{GOOD} Make it clearer and more formal, and keep all of its essential content.", "prompt_leak"),
        ("\u0410\u0430\u0440\u0430\u0443 " * 40, "language"),
        ("Aarau is a town.", "length_ratio"),
        (f"{GOOD} {GOOD.replace('Aarau', 'It')} {GOOD} {GOOD}", "length_ratio"),
        (f"{GOOD} {GOOD[:200]}", "repetition"),
        ("The market is big. " * 15, "repetition"),
        (SOURCE, "copy"),
        ("", "empty"),
    ],
)
def test_each_failure_has_its_reason(text, reason):
    assert refuse(text) == reason


def test_running_into_the_limit_is_truncation_whatever_the_text():
    reason = refuse(GOOD, finish_reason="length")
    assert (reason, reason.value) == ("truncated", 70)


def test_measured_reasons_carry_value_and_threshold():
    reason = refuse("Aarau is a town.")
    assert (round(reason.value, 3), reason.threshold) == (0.089, 0.5)
    assert refuse(SOURCE).value == 1.0


@pytest.mark.parametrize(
    "opening",
    [
        "Here is the deposit schedule for the town of Aarau. ",
        "Certainly the town of Aarau is old. ",
        "Great bridges have stood there. ",
        "The document was signed in the town. ",
    ],
)
def test_an_ordinary_sentence_is_no_preamble(opening):
    assert refuse(opening + GOOD) is None


def test_a_role_name_is_a_leak_though_the_source_has_the_word():
    assert refuse(f"{GOOD}\nassistant\nDone.", source=f"{SOURCE} Her assistant agreed.") == "role_leak"


def test_words_of_the_source_are_no_evidence_against_the_answer():
    letter = "I'm sorry, but I cannot help you. " + SOURCE
    assert refuse("I'm sorry, but I cannot help you. " + GOOD, source=letter) is None


def test_a_question_may_share_words_with_its_answer():
    text = (
        " Where does the town of Aarau lie?\nAnswer: The town of Aarau lies on the river Aare.\n"
        "Question: When was the first bridge built?\nAnswer: The first bridge was built in 1251."
    )
    assert refuse(text, "question_answer") is None
    assert refuse(f"{text}\nQuestion: And now?", "question_answer") == "off_format"


def test_the_same_question_again_and_again_is_repetition():
    text = "\nQuestion:".join(f" Where is Aarau{'?' * n}\nAnswer: It lies on the Aare." for n in range(1, 4))
    assert refuse(text, "question_answer") == "repetition"
