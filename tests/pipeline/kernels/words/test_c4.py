"""C4's line rules, against a plain version, and sentences against spaCy."""

import random
import re
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words import c4

RULES = c4.Rules(
    max_word_length=20,
    min_words=3,
    min_sentences=3,
    citations=True,
    terminal_punctuation=False,
    lorem_ipsum=True,
    javascript=True,
    curly_bracket=True,
    policy=True,
)
PIECES = [
    "This is one.", "Another line here!", "two words", "A B C", "[1]", "[edit]", "[citation needed]", "[", "]", "[x]",
    "Enable JavaScript now", "our Privacy Policy.", "it uses cookies here", "Lorem Ipsum dolor", "{", "x" * 21,
    "é" * 20, "\n", "\n", "\n", "\r\n", "\u2028", " ", "  ", "\t", '"', "...", "?", "。", "Mr. Smith", "[٣]",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def plain_edit(text: str, rules: c4.Rules) -> tuple[int, str]:
    """Fate and text."""
    kept, sentences = [], 0
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if any(len(word) > rules.max_word_length for word in words):
            continue
        line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)
        if rules.terminal_punctuation and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")):
            continue
        if len(words) < rules.min_words:
            continue
        if "lorem ipsum" in line.lower():
            return c4.LOREM_IPSUM, text
        if "javascript" in line.lower():
            continue
        if "{" in line:
            return c4.CURLY_BRACKET, text
        if any(phrase in line.lower() for phrase in c4.PHRASES[2:]):
            continue
        sentences += c4.count_sentences(line)
        kept.append(line)
    if sentences < rules.min_sentences:
        return c4.FEW_SENTENCES, text
    return c4.KEPT, "\n".join(kept).strip()


@settings(max_examples=500, deadline=None)
@given(st.lists(TEXTS, max_size=3), st.booleans(), st.sampled_from([-1, 0, 3]))
def test_texts_are_edited_as_the_plain_version_does(texts: list[str], punctuation: bool, sentences: int) -> None:
    rules = replace(RULES, terminal_punctuation=punctuation, min_sentences=sentences)
    edited = c4.edit(pa.array(texts, pa.string()), rules)
    expected = [plain_edit(text, rules) for text in texts]
    assert list(zip(edited.fate.tolist(), edited.texts.to_pylist(), strict=True)) == expected
    assert edited.altered.tolist() == [text != after for text, (_, after) in zip(texts, expected, strict=True)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 1),
        ("no end", 1),
        ("One. Two! Three?", 3),
        ('He said "Stop." and left.', 2),
        ("Mr. Smith of the U.S. Navy", 1),
        ("Wait... what", 1),
        ("One.) Two", 2),
        ("One.  Two", 2),
        ("End.  ", 2),  # the second blank is a word to the reference, and words begin sentences
        ("中文。没有", 1),
        ("中文。 没有", 2),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert c4.count_sentences(text) == sentences
    assert c4.count_sentences(text, limit=1) == 1


def test_sentences_are_those_of_spacy() -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    choose = random.Random(3)
    for _ in range(1500):
        text = "".join(choose.choices([*PIECES, " ", ". ", "! ", "a"], k=choose.randint(1, 8)))
        assert c4.count_sentences(text) == max(1, len(list(pipeline(text).sents))), text


def test_a_sliced_array_and_nulls_are_read_where_they_lie() -> None:
    texts = pa.array(["zero", None, "One two three. Four. Five.\nshort"])[1:]
    edited = c4.edit(texts, RULES)
    assert edited.fate.tolist() == [c4.FEW_SENTENCES, c4.KEPT]
    assert edited.texts.to_pylist() == [None, "One two three. Four. Five."]
