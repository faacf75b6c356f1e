"""Near copies of a source's sentence with words of another place in it."""

import pytest

from stages.l4_verify.claims import sentences
from stages.l4_verify.exchanged_words import MOST, Copies

SOURCE = (
    "If an attribute is present in both graphs, then the value from H is used. Edges of G are copied first. A stack "
    "returns the newest element, while a queue returns the oldest one. 绿茶不经过发酵，红茶则完全发酵。"
)


def is_exchanged(text: str, source: str = SOURCE) -> bool:
    (claim,) = sentences(text)
    return Copies(list(sentences(source))).is_exchanged(claim)


@pytest.mark.parametrize(
    "text",
    [
        "If an attribute is present in both graphs, then the value from G is used.",
        "A queue returns the newest element, while a stack returns the oldest one.",
        "红茶不经过发酵，绿茶则完全发酵。",
    ],
)
def test_a_word_of_another_place_is_seen(text: str):
    assert is_exchanged(text)


@pytest.mark.parametrize(
    "text",
    [
        "If an attribute exists in both graphs, then the value from H is taken.",  # in words the source does not have
        "If an attribute is present in both graphs, the value from H is used.",
        "Nothing here is alike.",
    ],
)
def test_other_words_and_words_left_out_are_no_exchange(text: str):
    assert not is_exchanged(text)


def test_nothing_is_compared_with_an_empty_source_or_with_what_is_no_sentence():
    assert not is_exchanged("A stack returns the newest element.", "")
    assert not is_exchanged("one two " * MOST, "two one " * MOST)
