import pytest

from pipeline.steps import Reply
from stages.l3_synthesize.output_checks import reason_to_refuse, speaks_around
from stages.l3_synthesize.prompts.prompt import find_prompt

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


CHINESE = (
    "阿劳镇位于阿勒河畔，在苏黎世以西约四十公里处。老城的山墙上绘有图画，每逢星期六举行集市。"
    "第一座桥建于1251年，曾两次被烧毁，后来才有了现在的这座桥。"
)
GOOD_CHINESE = (
    "阿劳是阿勒河边的一座小镇，东距苏黎世大约四十公里。镇上旧城区的房屋山墙有彩绘装饰，周六有集市。"
    "1251年修建的首座桥梁先后毁于两场大火，如今人们看到的桥是此后重建的。"
)


def refuse(
    text: str,
    prompt: str = "rephrase",
    source: str = SOURCE,
    finish_reason: str = "stop",
    siblings: tuple[str, ...] = (),
):
    chosen = find_prompt(prompt)
    reply = Reply("k", text, finish_reason, 90, 70)
    return reason_to_refuse(chosen, source, reply, chosen.read(text), siblings)


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD_CHINESE, None),
        (f"{GOOD_CHINESE}<|im_end|>", "role_leak"),
        (f"{GOOD_CHINESE}\n用户：\n继续", "role_leak"),
        ("抱歉，我无法改写这段内容。", "refusal"),
        (f"作为一个人工智能，我没有看法。{GOOD_CHINESE}", "refusal"),
        (f"好的，{GOOD_CHINESE}", "preamble"),
        (f"以下是改写后的版本：\n{GOOD_CHINESE}", "preamble"),
        (f"改写后的文本：{GOOD_CHINESE}", "preamble"),
        (f"{GOOD_CHINESE}希望以上内容对您有帮助。", "closer"),
        (f"{GOOD_CHINESE}\n如有其他问题，请告诉我。", "closer"),
        (f"本文介绍了一座小镇。{GOOD_CHINESE}", "about_the_text"),
        (f"{GOOD_CHINESE}并保留其中所有的重要内容。", "prompt_leak"),
        (GOOD, "language"),
        ("阿劳是一座小镇。", "length_ratio"),
        (GOOD_CHINESE + GOOD_CHINESE[:60], "repetition"),
        ("集市很大。" * 30, "repetition"),
        (CHINESE, "copy"),
    ],
)
def test_each_failure_has_its_reason_in_chinese_too(text, reason):
    assert refuse(text, "rephrase_zh", CHINESE) == reason


def test_the_last_sentence_is_found_at_the_end_of_a_long_line_and_when_it_is_long_itself():
    long = "I hope this helps whoever plans a visit, " + "and then one to the next town, " * 12
    assert len(long) > 300
    for closer in ("I hope this helps.", "I hope this helps! ", "希望以上内容对您有帮助。", long):
        assert speaks_around(f"{GOOD} {GOOD} {closer}", SOURCE) == "closer", closer
    assert speaks_around(f"{GOOD} I hope this helps. {GOOD}", SOURCE) is None, "not the last one"


@pytest.mark.parametrize(
    "opening", ["当然的继承人住在镇上。", "以下三座桥都很古老。", "作者的故乡是阿劳。", "好的集市在星期六。"]
)
def test_an_ordinary_chinese_sentence_is_no_preamble(opening):
    assert refuse(opening + GOOD_CHINESE, "rephrase_zh", CHINESE) is None


def test_another_language_of_the_same_script_is_noticed():
    german = (
        "Aarau ist eine Stadt an der Aare, etwa vierzig Kilometer westlich von Zürich. Die Giebel der Altstadt sind "
        "bemalt, und jeden Samstag ist Markt. Eine Brücke von 1251 verbrannte zweimal, ehe die heutige gebaut wurde."
    )
    reason = refuse(german)
    assert (reason, reason.threshold) == ("language", 0.6)


@pytest.mark.parametrize(
    "marker",
    ["<|im_end|>", "<|eot_id|>", "</s>", "<<SYS>>", "[/INST]", "<start_of_turn>", "<|end|>", "<｜User｜>",
     "<|END_OF_TURN_TOKEN|>", "[gMASK]", "<|channel|>", "<|start_of_role|>", "[SYSTEM_PROMPT]"],
)  # fmt: skip
def test_marks_of_chat_formats_are_leaks_whatever_the_source_holds(marker):
    assert refuse(f"{GOOD} {marker}", source=f"{SOURCE} {marker}") == "role_leak"


def test_nearly_the_same_again_from_one_parent_is_refused():
    assert refuse(GOOD, siblings=("Something else.",)) is None
    again = GOOD.replace("stands today", "stands now")
    reason = refuse(again, siblings=("Something else.", GOOD))
    assert (reason, reason.threshold) == ("repeats_sibling", 0.8)
    assert 0.8 < reason.value < 1
    assert refuse(GOOD, siblings=(GOOD,)).value == 1
    assert refuse(GOOD_CHINESE, "rephrase_zh", CHINESE, siblings=(GOOD_CHINESE,)) == "repeats_sibling"


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
