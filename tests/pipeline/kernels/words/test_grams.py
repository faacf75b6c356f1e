"""N-grams of numbered words against plain Python."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words.grams import (
    any_only_in,
    gram_keys,
    most_frequent,
    repeated_characters,
    share_found,
)

TEXTS = st.lists(st.sampled_from(["a", "bb", "ccc", "中"]), max_size=30)


def numbers_of(words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([hash(word) for word in words], np.int64), np.array([len(word) for word in words], np.int64)


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]


def repeated(words: list[str], n: int) -> int:
    seen, characters, at = set[tuple[str, ...]](), 0, 0
    while at + n <= len(words):
        gram = tuple(words[at : at + n])
        again = gram in seen
        characters += sum(map(len, gram)) if again else 0
        at += n if again else 1
        seen.add(gram)
    return characters


@settings(deadline=None)  # the first example compiles
@given(TEXTS, TEXTS, st.integers(1, 5))
def test_what_repeats_and_what_is_shared_is_counted_as_in_plain_python(words, others, n):
    mine, theirs = grams(words, n), grams(others, n)
    counts = Counter(mine).most_common(1)
    expected = (counts[0][1], sum(map(len, counts[0][0]))) if counts else (0, sum(map(len, words[:n])))
    assert most_frequent(*numbers_of(words), n) == expected
    assert repeated_characters(*numbers_of(words), n) == repeated(words, n)
    shared = len(set(mine) & set(theirs)) / len(set(mine)) if mine else 0
    assert share_found(numbers_of(words)[0], numbers_of(others)[0], n) == shared


def test_what_only_one_text_says():
    said, order, source = (gram_keys(numbers_of(text.split())[0], 2) for text in ("a b c d", "x b c", "a b c"))
    assert any_only_in(said, np.sort(order), gram_keys(numbers_of(["a", "b"])[0], 2))
    assert not any_only_in(said, np.sort(order), source)
    assert not any_only_in(said, np.empty(0, np.uint64), source)
