"""What a text's characters say of it, held to regular expressions and Python's own methods."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels.blocks.signs import COLUMNS, COMMAS, ENDS, signs

PRICE = re.compile(r"[$€£¥₹]\s?\d|\d\s?(?:€|USD|EUR|GBP|zł|kr\b)")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
PARTS = ("19", "20", "2", "7", "$", "€", " ", "\xa0", "USD", "zł", "kr", "kroner", "A", "b", "Ä", "_", ".", "\u3002",
         ",", "\uff0c", "\u0663", "\U0001d7d7", "\U000323af", "\n")  # fmt: skip
TEXT = st.lists(st.sampled_from(PARTS), max_size=12).map("".join) | st.text(max_size=30)


def expected(text: str) -> list[int]:
    words = text.split()
    return [
        len(words),
        sum(map(text.count, ENDS)),
        sum(map(text.count, COMMAS)),
        text[-1:] in ENDS,
        len(re.findall(r"\d", text[:200])),
        sum(word[:1].isupper() for word in words[:20]),
        PRICE.search(text) is not None,
        YEAR.search(text) is not None,
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
@example(["a " * 30 + "B", "1" * 250, "", "x"])
def test_as_python_sees_them(texts: list[str]) -> None:
    found = signs(texts)
    assert found.shape == (len(texts), len(COLUMNS))
    assert found.tolist() == [expected(text) for text in texts]


def test_a_text_ends_where_it_ends() -> None:
    """What stands at the beginning of the next text belongs to that one alone."""
    found = signs(["costs 5", "USD", "in 19", "99"])
    assert found[:, COLUMNS.index("has_price")].tolist() == [0, 0, 0, 0]
    assert found[:, COLUMNS.index("has_year")].tolist() == [0, 0, 0, 0]
