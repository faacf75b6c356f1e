"""Byte-pair encoding, against the textbook's loop."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.tokens.byte_pairs import LONGEST, Merges, encode_word, merge_table

WORDS = ["the", "then", "there", "aaaa", "aa", "ab", "ba", "aba", "abab", "é"]


def learned_merges() -> list[tuple[int, int, int]]:
    """(left, right, merged), by rank: each word of WORDS is put together from the left."""
    known, merges = {}, []
    for word in WORDS:
        whole = word.encode()[0]
        for byte in word.encode()[1:]:
            if (whole, byte) not in known:
                known[whole, byte] = 256 + len(known)
                merges.append((whole, byte, known[whole, byte]))
            whole = known[whole, byte]
    merges.append((known[97, 98], known[97, 98], 256 + len(known)))  # "ab" and "ab"
    return merges


MERGES = learned_merges()


def table_of(merges: list[tuple[int, int, int]]) -> Merges:
    left, right, merged = np.array(merges, np.int32).T.copy()
    return merge_table(np.arange(256, dtype=np.int32), left, right, merged)


TABLE = table_of(MERGES)


def reference(word: bytes) -> list[int]:
    rank = {(left, right): place for place, (left, right, _) in enumerate(MERGES)}
    tokens = list(word)
    while True:
        ranked = [(rank[pair], place) for place, pair in enumerate(pairwise(tokens)) if pair in rank]
        if not ranked:
            return tokens
        best, place = min(ranked)
        tokens[place : place + 2] = [MERGES[best][2]]


def encoded(word: bytes, table: Merges = TABLE) -> list[int]:
    data, ids = np.frombuffer(b"x" + word + b"x", np.uint8), np.empty(LONGEST, np.int32)
    count = encode_word(data, 1, 1 + len(word), *table, np.empty(LONGEST, np.uint64), ids)
    return ids[:count].tolist()


@given(st.text("abthenré", max_size=40).map(str.encode) | st.binary(max_size=LONGEST))
@settings(max_examples=300, deadline=None)
def test_the_pair_of_the_lowest_rank_is_merged_first(word: bytes) -> None:
    assert encoded(word) == reference(word)


def test_known_words_become_one_token() -> None:
    assert {len(encoded(word.encode())) for word in WORDS if word != "aaaa"} == {1}


def test_rank_counts_and_not_length() -> None:
    assert encoded(b"aaaa") == encoded(b"aa") * 2
    assert len(encoded(b"a" * LONGEST)) == LONGEST // 2


def test_of_a_repeated_pair_the_last_merge_counts() -> None:
    assert encoded(b"ab", table_of([(97, 98, 300), (97, 98, 301)])) == [301]
