"""Every defect that can be planted is caught under its own name, in English and Chinese, and a good reply is not."""

from random import Random

import pytest

from stages.l3_synthesize.measure import judge, measure
from stages.l3_synthesize.plants import ABOUT, CLOSERS, PLANTS, PREAMBLES, PROSE_ONLY, REFUSALS, TOKENS, Case, sentences
from stages.l3_synthesize.prompts.prompt import find_prompt
from tests.stages.l3_synthesize.prompts.golden import GOLDEN, source_of


def case(name: str) -> Case:
    return Case(find_prompt(name), source_of(name), GOLDEN[name])


@pytest.mark.parametrize("name", ["rephrase", "rephrase_zh", "guided_rewrite", "faq", "faq_zh", "tutorial"])
@pytest.mark.parametrize("defect", PLANTS)
def test_a_planted_defect_is_caught_under_its_name(name: str, defect: str):
    good = case(name)
    for seed in range(6):
        bad = PLANTS[defect](good, Random(seed))
        if bad is not None and not (defect in PROSE_ONLY and good.prompt.form.stored()["kind"] != "prose"):
            assert judge(bad) == defect, bad.answer


@pytest.mark.parametrize("phrases", [REFUSALS, PREAMBLES, CLOSERS, ABOUT])
def test_phrases_are_of_both_languages_and_no_two_are_the_same(phrases: dict[str, tuple[str, ...]]):
    assert set(phrases) == {"en", "zh"}
    assert all(len(set(said)) == len(said) >= 10 for said in phrases.values())


def test_marks_of_ten_families_are_planted_and_each_is_caught():
    assert len(TOKENS) == len(set(TOKENS)) > 15
    good = case("rephrase")
    assert {str(judge(Case(good.prompt, good.source, f"{good.answer} {mark}"))) for mark in TOKENS} == {"role_leak"}


def test_only_what_is_accepted_gets_a_defect_and_the_rest_are_false_alarms():
    good = case("rephrase")
    table = measure([good, Case(good.prompt, good.source, good.source)], 0)
    assert (table["copy"]["refused"], table["copy"]["good"], table["copy"]["alarms"]) == (1, 2, 0.5)
    assert (table["preamble"]["planted"], table["preamble"]["caught"], table["preamble"]["refused"]) == (1, 1, 0)
    assert table["off_format"]["planted"] == 0
    assert table["off_format"]["recall"] is None


def test_a_check_that_sees_nothing_is_told_so():
    table = measure([case("rephrase")], 0, {"closer": lambda case, chance: case})
    assert (table["closer"]["caught"], table["closer"]["recall"]) == (0, 0.0)
    assert table["closer"]["missed"]


def test_sentences_keep_every_character():
    text = "One. Two!\nThree\u3002Four"
    assert "".join(sentences(text)) == text
    assert len(sentences(text)) == 4
