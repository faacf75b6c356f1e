"""Words of scripts without spaces: the compiled splitter against the plain one."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.duplicates.shingles import ALONE_RANGES
from pipeline.kernels.utf8 import CODE_POINTS
from pipeline.kernels.words import scripts as kernel
from pipeline.kernels.words.scripts import split_characters
from pipeline.kernels.words.words import HEAD, tally, word_hash

PIECES = [
    "你好", "。", "カタカナ", "ー", "ภาษาไทย", "ន្ត", "မြန်", "naïve", "e\u0301", "\u0301", "x_1", "3.5", " ", "\n",
    "한국어", "😀", "\ufe0f", "\u200d", "\U00020000", "\U00030000", "٣", "\u3000", "……", "\0",
]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def plain(text: str) -> list[str]:
    """What the kernel does, one character after the other."""
    found: list[str] = []
    joined = after_space = True
    for character in text:
        code = ord(character)
        known = code < CODE_POINTS
        alone = 0x20000 <= code < 0x30000 or any(first <= code <= last for first, last in ALONE_RANGES)
        joins = known and (character.isalnum() or character == "_") and not (alone and character.isalpha())
        mark = known and (unicodedata.category(character)[0] == "M" or character in "\u200c\u200d")
        if character.isspace():
            after_space = True
        elif not after_space and (mark or (joined and joins)):
            found[-1] += character
        else:
            found.append(character)
            joined, after_space = joins, False
    return found


@given(st.lists(TEXTS, max_size=3))
@settings(deadline=None, max_examples=300)
def test_equals_the_plain_splitter(texts: list[str]):
    found = split_characters(pa.array(texts, pa.string()))
    assert [found.texts(document) for document in range(len(texts))] == [plain(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我們在2024年用GPT-4。", "我 們 在 2024 年 用 GPT - 4 。"),
        ("カタカナとひらがな", "カ タ カ ナ と ひ ら が な"),
        ("ที่นี่ 10%", "ที่ นี่ 10 %"),
        ("Größe der Wörter", "Größe der Wörter"),
        ("한국어 문장", "한국어 문장"),
        ("", ""),
    ],
)
def test_each_character_of_these_scripts_is_a_word(text: str, words: str):
    assert split_characters(pa.array([text])).texts(0) == words.split()


def test_words_are_counted_like_english_ones():
    found = tally(split_characters(pa.array(["的 是。GPT! 10", None])), ("的", "。", "在"))
    assert (found.words[0], found.real_words[0], found.characters[0]) == (6, 4, 7)
    assert (found.with_letter[0], found.stop_words[0]) == (3, 2)
    assert found.words[1] == 0


def test_bytes_that_are_no_text_do_not_raise():
    raw = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8).tobytes()
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1000, 4096], np.int32)), pa.py_buffer(raw)]
    )
    found = split_characters(texts)
    assert (found.start[: found.end[0]] < 1000).all()
    assert (found.stop > found.start).all()


def test_only_the_head_is_read():
    found = split_characters(pa.array(["字" * (HEAD // 3 + 10)]))
    assert len(found.start) == HEAD // 3
    assert found.hash[0] == word_hash("字")


def test_marks_alone_are_a_word():
    assert kernel.split_characters(pa.array([" \u0301\u0302a"])).texts(0) == ["\u0301\u0302", "a"]
