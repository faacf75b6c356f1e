"""Where texts may be cut: the tokenizer decides."""

import pytest

pytest.importorskip("tokenizers")

from pipeline.kernels.tokens.seams import LETTER, MARK, SYMBOL, WORD, added_contents, find_seams, left_sides
from tests.stages.l2_select.helpers import SPLITS, TOKENIZERS, byte_level, with_added

ALL = WORD | LETTER | MARK | SYMBOL
SEAMS = {name: find_seams(tokenizer, added_contents(tokenizer)) for name, tokenizer in TOKENIZERS.items()}


@pytest.mark.parametrize("name", SPLITS)
def test_words_end_before_spaces_and_punctuation(name):
    assert all(SEAMS[name][ord(seam)] & WORD for seam in " \n,.($。、”")
    assert SEAMS[name][ord(" ")] == {"deepseek": WORD | MARK}.get(name, ALL)  # it knows no € and no letter of Thai
    assert not any(SEAMS[name][ord(other)] for other in "ab1é中\t\r")


def test_line_ends_after_punctuation_belong_to_it_where_the_pattern_says_so():
    assert SEAMS["gpt2"][ord("\n")] == SEAMS["deepseek"][ord("\n")] == ALL
    assert SEAMS["llama3"][ord("\n")] == WORD | LETTER


def test_apostrophes_are_no_seam_where_contractions_go_with_their_word():
    assert SEAMS["gpt2"][ord("'")] == WORD | LETTER
    assert SEAMS["o200k"][ord("'")] == 0  # though the small tokenizer has no merge that would show it


def test_no_text_is_cut_where_tokens_reach_across_words():
    assert not SEAMS["sentencepiece"].any()
    assert not SEAMS["strips"].any()


def test_added_tokens_are_not_cut_and_cost_no_other_seam():
    """All published tokenizers have some; they once switched all cuts off."""
    seams = find_seams(byte_level(()), ("<|endoftext|>", "new york"))
    assert not any(seams[ord(within)] for within in "|> ")
    assert seams[ord("<")] == WORD | LETTER
    assert seams[ord(",")] == WORD | LETTER
    assert added_contents(with_added(byte_level(()), "<|endoftext|>")) == ["<|endoftext|>"]


def test_left_of_a_seam_stands_something_visible():
    examples = {WORD: "aZ09中", LETTER: "éж한", MARK: ".!。", SYMBOL: "$€→", 0: " \n\x00\u00a0\u200b\u0301"}
    for kind, characters in examples.items():
        assert {int(left_sides()[ord(one)]) for one in characters} == {kind}
