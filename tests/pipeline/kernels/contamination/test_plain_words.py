"""What a word is: held to a plain reference, and by examples."""

import random
import re

import pyarrow as pa
import pytest

from pipeline.kernels.contamination.plain_words import plain_words, word_hash


def told(text: str) -> list[str]:
    found = plain_words(pa.array([text]))
    data = text.encode()
    return [data[a:b].decode() for a, b in zip(found.begin.tolist(), found.end.tolist(), strict=True)]


def same(one: str, other: str, what: str = "words") -> bool:
    first, second = (getattr(plain_words(pa.array([text])), what).tolist() for text in (one, other))
    return first == second


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat's mat.", ["The", "cat", "s", "mat"]),
        ("1,200.5 and 3.", ["1,200.5", "and", "3"]),
        ("forty-eight, two hundred", ["forty-eight", "two hundred"]),
        ("5th row", ["5th", "row"]),
        ("\u201cno\u201d\u2014yes\u00a0sir\u2026", ["no", "yes", "sir"]),
        ("\u4e2d\u6587\u3002\uff0c x", ["\u4e2d", "\u6587", "x"]),
        ("", []),
        (" .,;", []),
    ],
)
def test_words(text, words):
    assert told(text) == words


def test_numbers_are_one_word_and_stay_apart_as_they_are():
    assert same("48 clips", "forty-eight clips")
    assert same("48 clips", "1,250.5 clips")
    assert not same("48 clips", "49 clips", "raws")
    assert same("1,250 clips", "1250 clips", "raws")
    assert not same("48th clip", "49th clip")


def test_case_does_not_count_and_stems_are_shared():
    assert same("\u00c9t\u00e9 CAT", "\u00e9t\u00e9 cat")
    assert same("rotation", "rotations", "stems")
    assert not same("rotation", "rotations")
    assert plain_words(pa.array(["Cat"])).words.tolist() == [word_hash("cat")]


def test_letters_and_signs_as_a_plain_rule_splits_them():
    chance = random.Random(0)
    for _ in range(200):
        text = "".join(chance.choices("aB .,\u00e9-'\n", k=chance.randrange(60)))
        assert told(text) == re.findall("[aB\u00e9]+", text)


def test_rows_are_kept_apart_and_nulls_are_empty():
    found = plain_words(pa.array(["skipped", "a b", None, "c"]).slice(1))
    assert found.offsets.tolist() == [0, 2, 2, 3]


def test_broken_utf8_ends():
    data = bytes(random.Random(1).choices(range(256), k=4000))
    for size in range(0, 4000, 97):
        offsets = (0).to_bytes(4, "little") + size.to_bytes(4, "little")
        broken = pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(data[:size] or b"\0")]
        )
        found = plain_words(broken)
        assert (found.end <= size).all()
        assert (found.begin < found.end).all()
