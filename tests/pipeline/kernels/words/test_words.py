"""Words: the compiled splitter against the plain one, against spaCy, and on texts that break splitters."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words import words as kernel
from pipeline.kernels.words.words import HEAD, split_words, tally
from tests.pipeline.kernels.words import reference_words

PIECES = [
    "can't", "cannot", "the", "The", "USA", "U.S.", "e.g.", "10km", "5%", "$20", "US$5", "3-4", "a.b", "end.Next",
    "...", "……", "….", ":)", ":-))", "(ಠ_ಠ)", "—", "\u2013\u2013", "--", "well-known", "x,y", "http://a.bc/d?e",
    "me@host.org", "1.2.3.4/x", "192.168.0.1/x", "host.com:80", "o'clock", "\u2019s", "'S", "°C.", "10a.m.", "+",
    "+1", "1+", "#", "[12]", "你好。", "日本", "😀", "naïve", "ÀÉ.", "İ", "ß.", "²", ".", ",", "/", "<", "'", '"', " ",
    "  ", "\n", "\u00a0", "\u2028", "\x1c", "\0", "US", "A$", "$", "@", "-", "_", "ab.cd.ef", "~", "=", "and/or",
    "ー", "٣", "ǅ", "\U00020000", "\ufffd",
]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def split(*texts: str) -> list[list[str]]:
    found = split_words(pa.array(texts, pa.string()))
    return [found.texts(document) for document in range(len(texts))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n ", []),
        ("I can't, won't.", ["I", "ca", "n't", ",", "wo", "n't", "."]),
        ("(see e.g. www.example.com/a_b)", ["(", "see", "e.g.", "www.example.com/a_b", ")"]),
        ("It is 10km from the U.S. for US$5.", ["It", "is", "10", "km", "from", "the", "U.S.", "for", "US$", "5", "."]),
        ("hello:) worry-free...really", ["hello", ":)", "worry", "-", "free", "...", "really"]),
        ("mail me@example.org/x, now", ["mail", "me@example.org/x", ",", "now"]),
        ("中文没有空格。也行", ["中文没有空格。也行"]),
        ("“quoted”…", ["“", "quoted", "”", "…"]),
    ],
)
def test_words_are_cut_as_english_is(text: str, words: list[str]) -> None:
    assert split(text) == [words]
    assert reference_words.words(text) == words


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_the_kernel_cuts_as_the_plain_splitter(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert split(text) == [reference_words.words(text)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_broken_bytes_neither_raise_nor_leave_the_document(documents: list[bytes]) -> None:
    ends = np.cumsum([0, *map(len, documents)], dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(documents), pa.py_buffer(ends), pa.py_buffer(b"".join(documents)))
    found = split_words(texts)
    for document in range(len(documents)):
        span = slice(found.begin[document], found.end[document])
        assert (found.start[span] < found.stop[span]).all()
        assert (found.start[span] >= ends[document]).all()
        assert (found.stop[span] <= ends[document + 1]).all()


def test_flags_tell_what_a_word_is_made_of() -> None:
    found = split_words(pa.array(["no! 42  —\nhé «» ."]))
    assert found.texts(0) == ["no", "!", "42", "—", "hé", "«", "»", "."]
    punctuation = kernel.ONLY_SYMBOLS | kernel.ONLY_PUNCTUATION
    assert found.flags.tolist() == [
        kernel.HAS_LETTER,
        punctuation | kernel.ENDS_SENTENCE,
        0,
        punctuation | kernel.NOT_ASCII,
        kernel.HAS_LETTER | kernel.NOT_ASCII,
        punctuation | kernel.NOT_ASCII,
        punctuation | kernel.NOT_ASCII,
        punctuation | kernel.ENDS_SENTENCE,
    ]


def test_equal_words_have_equal_hashes_everywhere() -> None:
    found = split_words(pa.array(["the cat", "a the,"]))
    assert found.hash[0] == found.hash[3] == kernel.word_hash("the") == 4478540344497102180
    assert len(set(found.hash.tolist())) == 4


def test_filter_shares_the_words_and_follows_the_rows() -> None:
    found = split_words(pa.array(["one", "two words", None, "and three more"]))
    kept = found.filter(np.array([False, True, False, True]))
    assert [kept.texts(0), kept.texts(1)] == [["two", "words"], ["and", "three", "more"]]
    assert kept.start is found.start


def test_a_slice_of_an_array_is_read_where_it_lies() -> None:
    found = split_words(pa.array(["zero", "one two", "three"])[1:])
    assert [found.texts(0), found.texts(1)] == [["one", "two"], ["three"]]


def test_only_the_head_of_a_huge_document_is_looked_at() -> None:
    text = "é" * HEAD + " tail"
    found = split_words(pa.array([text, "next"]))
    assert found.stop[0] - found.start[0] == HEAD
    assert found.texts(1) == ["next"]


@pytest.mark.parametrize("piece", [")", ".", "a", "a.", "'", "a-", "@", "…", "1.", "://", ":)"])
def test_a_megabyte_without_spaces_takes_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece.encode()))
    found = split_words(pa.array([text]))  # a quadratic splitter would take minutes
    assert "".join(found.texts(0)) == text


def test_tally_counts_words_by_kind() -> None:
    counts = tally(split_words(pa.array(["the cat, the 99 hé — of", "", "the of"])), ("the", "of", "and"))
    assert counts.words.tolist() == [8, 0, 2]
    assert counts.real_words.tolist() == [6, 0, 2]
    assert counts.characters.tolist() == [3 + 3 + 3 + 2 + 2 + 2, 0, 5]
    assert counts.with_letter.tolist() == [5, 0, 2]
    assert counts.stop_words.tolist() == [2, 0, 2]


def test_tables_and_words_are_those_of_spacy() -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.symbols import ORTH

    from pipeline.kernels.words.english import exceptions

    tokenizer = spacy.blank("en").tokenizer
    rules = {text: tuple(word[ORTH] for word in words) for text, words in tokenizer.rules.items() if text.strip()}
    assert exceptions() == rules
    choose = random.Random(7)
    for _ in range(3000):
        text = "".join(choose.choices(PIECES, k=choose.randint(1, 6)))
        expected = [word for word in (token.text.strip() for token in tokenizer(text)) if word]
        assert split(text) == [expected], text
