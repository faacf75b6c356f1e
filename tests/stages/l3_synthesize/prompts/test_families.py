"""Every prompt of ours: what it says agrees with its form, and its form takes good replies and refuses broken ones."""

import json
import re

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.steps import Reason, Reply
from stages.l3_synthesize.output_checks import reason_to_refuse
from stages.l3_synthesize.prompts.form import Form
from stages.l3_synthesize.prompts.prompt import FOLDER, PLACEHOLDER, Prompt, find_prompt
from stages.l4_verify.format import Format as format_checker
from tests.stages.l3_synthesize.prompts.golden import GOLDEN, source_of

OURS = sorted(path.stem for path in FOLDER.glob("*.md"))
FOR_SMALL_MODELS = {"rephrase", "question_answer", "rephrase_zh", "question_answer_zh"}
"""Measured with a model of 135 M parameters, which forgets an instruction that comes before the document."""
FORBIDDEN = re.compile(
    r"\b(?:no|without|never|do not (?:write|use)) ((?:\w+ ){0,3}\w+)|(?:不要|不得|禁止)(?:使用)?([^，。]{1,8})"
)


def refuse(name: str, text: str, source: str = "") -> Reason | None:
    prompt, source = find_prompt(name), source or source_of(name)
    return reason_to_refuse(prompt, source, Reply("k", text, "stop", 90, 70), prompt.read(text, source))


def instruction(prompt: Prompt) -> str:
    return f"{prompt.system}\n{prompt.user}\n{prompt.assistant}"


@pytest.mark.parametrize("name", OURS)
def test_the_instruction_names_what_its_form_reads(name: str):
    prompt = find_prompt(name)
    assert [word for word in prompt.form.named() if word not in instruction(prompt)] == []


@pytest.mark.parametrize("name", OURS)
def test_the_instruction_forbids_nothing_that_its_form_needs(name: str):
    prompt = find_prompt(name)
    forbidden = " ".join(found[1] or found[2] for found in FORBIDDEN.finditer(instruction(prompt)))
    assert [need for need in prompt.form.needs if need.lower() in forbidden.lower()] == []
    assert [need for need in prompt.form.needs if need not in instruction(prompt)] == []


@pytest.mark.parametrize("name", sorted(set(OURS) - FOR_SMALL_MODELS))
def test_the_instruction_comes_first_so_that_requests_share_it(name: str):
    prompt = find_prompt(name)
    assert prompt.user.endswith(PLACEHOLDER)
    one, other = (prompt.messages(text) for text in ("One.", "Other."))
    assert one[0] == other[0]
    assert len(prompt.user) < 20  # what stands before the document is its announcement only
    assert prompt.code in one[0][1]
    assert prompt.most_tokens < 1000


@pytest.mark.parametrize("name", OURS)
def test_a_careful_reply_is_accepted_and_reads_the_same_again(name: str):
    prompt, source = find_prompt(name), source_of(name)
    assert refuse(name, GOLDEN[name]) is None
    text = prompt.read(GOLDEN[name], source)
    stored = prompt.form.stored()
    if stored["kind"] == prompt.form.kind:  # no envelope: what comes out has the form that the row says it has
        assert type(prompt.form).model_validate(stored).read(text, source) == text


@pytest.mark.parametrize("name", sorted(set(OURS) - FOR_SMALL_MODELS))
def test_a_reply_that_repeats_the_code_has_read_out_its_instructions(name: str):
    assert refuse(name, f"{GOLDEN[name]}\n{find_prompt(name).code}") in ("prompt_leak",)


def of_form(kind: str) -> list[str]:
    return [name for name in OURS if find_prompt(name).form.kind == kind]


BREAKS = {
    "pairs": lambda text, form: [
        re.sub(rf"{form.answer}[:：][^\n]*", "", text, count=1),
        text.replace(form.question, form.answer, 1),
        re.sub(rf"{form.answer}[:：][^\n]*", f"{form.answer}:", text, count=1),
        "".join(text.partition("\n")[:1]),
    ],
    "turns": lambda text, form: [
        text.rpartition("\n")[0],
        text.replace(form.second, form.first, 1),
        text.partition("\n")[2],
        "\n".join(text.split("\n")[:2]),
    ],
    "labelled": lambda text, form: [
        text.rpartition("\n")[0],
        "\n".join(reversed(text.split("\n"))),
        text + f"\n{form.labels[0]}: {text}",
        re.sub(rf"{form.labels[1]}[:：][^\n]*", f"{form.labels[1]}:", text),
    ],
    "table": lambda text, form: [
        text.replace("|---|---|\n", ""),
        text.partition("\n\n")[0],
        text.partition("\n\n")[2],
        re.sub(r"\| 1849 ", "", text),
        "\n".join(text.split("\n")[:3]) + "\n\n" + text.partition("\n\n")[2],
        "1849 | 1251\n" + text,
    ],
    "bullets": lambda text, form: [
        text.split("\n")[0],
        text.replace("- ", ""),
        "One.\nTwo.\n" + text,
    ],
    "sections": lambda text, form: [
        text.replace("#", ""),
        text.partition("\n")[2],
        text.rpartition("\n")[0],
        "\n".join(text.split("\n")[:3]),
    ],
    "tagged": lambda text, form: [
        text.replace("<rewrite>", ""),
        text.replace("</rewrite>", ""),
        text + text,
        "</rewrite><rewrite>" + text.partition("<rewrite>")[0],
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in BREAKS for name in of_form(kind)])
def test_a_reply_with_a_broken_form_is_off_format(kind: str, name: str):
    form: Form = find_prompt(name).form
    for broken in BREAKS[kind](GOLDEN[name], form):
        assert find_prompt(name).read(broken, source_of(name)) == "off_format", broken


def test_too_few_parts_say_how_many_there_should_be():
    reason = refuse("faq", GOLDEN["faq"].rpartition("\n\n")[0])
    assert (reason, reason.value, reason.threshold) == ("off_format", 2, 3)


def test_labels_in_bold_and_with_numbers_are_read():
    bold = GOLDEN["conversation"].replace("Learner:", "**Learner:**").replace("Expert:", "2. *Expert*:")
    assert find_prompt("conversation").read(bold) == find_prompt("conversation").read(GOLDEN["conversation"])


def test_a_stray_line_before_a_list_and_wrapped_items_cost_nothing():
    text = "What we know\n1) Aarau has\n  a market.\n* Second.\n\u2022 Third."
    assert find_prompt("knowledge_list").read(text) == "- Aarau has a market.\n- Second.\n- Third."


def test_what_stands_outside_the_tags_does_not_come_into_the_text():
    text = find_prompt("guided_rewrite").read(GOLDEN["guided_rewrite"])
    assert text.startswith("Aarau is a town")
    assert text.endswith("since 2018.")


def test_a_problem_whose_answer_is_a_number_says_how_it_is_checked():
    prompt = find_prompt("math_problem")
    task = prompt.form.task(prompt.read(GOLDEN["math_problem"]))
    assert task["verifier"] == "math_answer"
    assert task["question"].startswith("A town had 304 people fewer")
    assert task["answer"] == "21422 people"
    assert find_prompt("task").form.task(prompt.read(GOLDEN["math_problem"])) is None


def test_cells_may_hold_a_bar_and_rows_are_written_in_one_way():
    table = find_prompt("table").form
    text = table.read("|a|b|\n|:-|-:|\n|1|x\\|y|\n| 2 | z |\nQ: Which?\nA: x")
    assert text == "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n| 2 | z |\n\nQuestion: Which?\nAnswer: x"
    assert table.runs(text) == [["a b", "1 x\\|y", "2 z"], ["Which?"], ["x"]]


@pytest.mark.parametrize("name", OURS)
def test_what_l3_stores_has_the_form_that_l4_checks(name: str):
    prompt = find_prompt(name)
    row = {
        "id": "1",
        "text": prompt.read(GOLDEN[name], source_of(name)),
        "source_text": source_of(name),
        "form": json.dumps(prompt.form.stored()),
    }
    assert format_checker().check(Batch(pa.RecordBatch.from_pylist([row]))).defect == [""]
