"""Units as numbers against a regular expression."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words.units import ALONE, APOSTROPHE, LETTER, code_points, numbered

KINDS = np.zeros(0x110000, np.uint8)
KINDS[[ord(letter) for letter in "abé\U0001d538"]], KINDS[ord("'")], KINDS[ord("中")] = LETTER, APOSTROPHE, ALONE
WORDS_OF = np.array([0, 1, 0, 0.5])


@settings(deadline=None)  # the first example compiles
@given(st.text(alphabet="abé\U0001d538'中 \ud800", max_size=20))
def test_units_are_those_of_the_pattern(text):
    expected = re.findall("中|[abé\U0001d538]+(?:'[abé\U0001d538]+)*", text)
    numbers, lengths, words = numbered(code_points(text), KINDS, WORDS_OF)
    assert lengths.tolist() == [len(one) for one in expected]
    assert words == sum(0.5 if one == "中" else 1 for one in expected)
    assert len(set(zip(numbers.tolist(), expected, strict=True))) == len(set(expected)) == len(set(numbers.tolist()))
