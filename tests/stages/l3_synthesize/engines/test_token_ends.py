"""Where the first so many tokens of a text end, against the library's offsets."""

import pytest

pytest.importorskip("tokenizers")

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l3_synthesize.engines.token_ends import TokenEnds
from tests.stages.l2_select.helpers import AWKWARD, HOSTILE, TOKENIZERS

ENDS = {name: its for name, one in TOKENIZERS.items() if (its := TokenEnds(one)).is_compiled}


def expected(name: str, text: str, number: int) -> tuple[int, int]:
    offsets = TOKENIZERS[name].encode(text, add_special_tokens=False).offsets
    return len(offsets), offsets[number][0] if len(offsets) > number else len(text)


@pytest.mark.parametrize("name", ENDS)
def test_ends_are_those_of_the_library(name: str):
    texts = [*HOSTILE, "It's 1873, and\n\n  Ça été 中文文本。  on! " * 3, "👩‍👩‍👧 naïve 👍🏽 " * 5]
    for number in (0, 1, 2, 3, 7, 20, 1000):
        assert ENDS[name].first(texts, number) == [expected(name, text, number) for text in texts]


@pytest.mark.parametrize("name", ENDS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(alphabet=st.one_of(st.sampled_from(AWKWARD), st.characters(codec="utf-8"))), max_size=4))
def test_ends_of_any_text_are_those_of_the_library(name: str, texts: list[str]):
    for number in (1, 3, 10):
        assert ENDS[name].first(texts, number) == [expected(name, text, number) for text in texts]
