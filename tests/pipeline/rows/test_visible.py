"""Texts in which nothing can be seen."""

import sys
import unicodedata

import pyarrow as pa
import pytest

from pipeline.rows.visible import has_visible, is_visible

NEWER = range(0x13430, 0x13460)
"""Hieroglyph controls, of which Python's tables and Arrow's do not know the same."""


@pytest.mark.parametrize("text", ["a", " \u200b.", "\u0301", "\ue000", "甜", "👍", "\ufffd"])
def test_a_sign_that_shows_makes_a_text(text: str):
    assert is_visible(text)
    assert has_visible(pa.array([text])).to_pylist() == [True]


@pytest.mark.parametrize(
    "text", ["", " \t\r\n\u2028", "\u200b\u200d\ufeff", "\u00ad", "\u3164\u2800", "\ufe0f", "\0\x1b"]
)
def test_a_text_of_nothing_visible_is_none(text: str):
    assert not is_visible(text)
    assert has_visible(pa.array([text, None])).to_pylist() == [False, False]


def test_both_ways_agree_on_every_character():
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000 and code not in NEWER]
    signs = [sign for sign in signs if unicodedata.category(sign) != "Cn"]
    found = has_visible(pa.array(signs)).to_pylist()
    assert [hex(ord(sign)) for sign, seen in zip(signs, found, strict=True) if seen != is_visible(sign)] == []
