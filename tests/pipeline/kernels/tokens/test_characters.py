"""Replacing characters, against doing so one by one."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.tokens.characters import find_replacements, replace_characters
from pipeline.kernels.utf8 import text_buffers

CHANGES = {"A": "a", "é": "e", "中": "", "ﬁ": "fi", "🙂": ":)", "ﷺ": "x" * 33}
TABLE = find_replacements(lambda text: "".join(CHANGES.get(one, one) for one in text), {"Σ"})


def changed(texts: list[str], line_ends: int = 2) -> tuple[list[str], list[bool]]:
    data, offsets, ask = replace_characters(*text_buffers(pa.array(texts, pa.string())), TABLE, line_ends)
    buffers = pa.py_buffer(offsets), pa.py_buffer(data)
    return pa.StringArray.from_buffers(len(texts), *buffers).to_pylist(), ask.tolist()


@given(st.lists(st.text(st.sampled_from([*CHANGES, "\n", "b", "Σ"]) | st.characters(codec="utf-8"))))
@settings(max_examples=300, deadline=None)
def test_each_character_is_replaced(texts: list[str]) -> None:
    asked = [any(one == "Σ" or ord(one) >= 0x30000 for one in text) for text in texts]
    expected = ["".join(CHANGES.get(one, one) for one in re.sub("\n{3,}", "\n\n", text)) for text in texts]
    assert changed(texts) == (["" if ask else text for text, ask in zip(expected, asked, strict=True)], asked)


def test_room_is_made_for_long_replacements() -> None:
    assert changed(["ﷺ" * 1000, "A"])[0] == ["x" * 33_000, "a"]


def test_of_line_ends_in_a_row_some_stay() -> None:
    assert changed(["a\n\n\nb\n\nc\n \n\n\n\n"], 1)[0] == ["a\nb\nc\n \n"]


def test_what_makes_other_than_ascii_of_ascii_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        find_replacements(lambda text: text.replace("a", "ä"), set())
