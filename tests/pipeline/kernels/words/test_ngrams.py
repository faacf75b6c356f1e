"""Repeated n-grams, against plain loops over lists of words."""

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words.ngrams import DUPLICATE, TOP, repetition
from pipeline.kernels.words.words import split_words

VOCABULARY = ["a", "é", "the", "of", "word", "日本", "x", "!"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(VOCABULARY), max_size=60),
    st.builds(lambda words, n: words * n, st.lists(st.sampled_from(VOCABULARY), max_size=14), st.integers(0, 6)),
).map(" ".join)


def top(words: list[str], n: int) -> int:
    found = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not found:
        return 0
    phrase, count = found.most_common(1)[0]  # the first to appear, if several are as frequent
    return len(phrase) * count


def duplicate(words: list[str], n: int) -> int:
    seen, total, i = set(), 0, 0
    while i + n <= len(words):
        phrase = tuple(words[i : i + n])
        if phrase in seen:
            total += len("".join(phrase))
            i += n
        else:
            seen.add(phrase)
            i += 1
    return total


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, max_size=3))
def test_repetition_is_what_plain_loops_count(texts: list[str]) -> None:
    words = split_words(pa.array(texts, pa.string()))
    rows = np.arange(len(texts))
    most, again = repetition(words, rows, np.full((len(texts), 9), -1.0))
    for row in rows:
        found = words.texts(row)
        assert most[row].tolist() == [top(found, n) for n in TOP]
        assert again[row].tolist() == [duplicate(found, n) for n in DUPLICATE]


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 100))
def test_what_is_left_out_is_below_the_limit(text: str, limit: int) -> None:
    words = split_words(pa.array([text]))
    most, again = repetition(words, np.array([0]), np.full((1, 9), float(limit)))
    expected = [top(words.texts(0), n) for n in TOP] + [duplicate(words.texts(0), n) for n in DUPLICATE]
    for measured, known in zip([*most[0], *again[0]], expected, strict=True):
        assert measured == known or (measured == 0 and known <= limit)
        if known > limit:
            break  # one broken rule is enough


def test_only_the_rows_asked_for_are_measured() -> None:
    words = split_words(pa.array(["a b a b", "no repeat here", "c d c d c d"]))
    most, _ = repetition(words, np.array([2, 0]), np.zeros((2, 9)))
    assert most[:, 0].tolist() == [3 * len("c d"), 2 * len("a b")]
