"""The compiled shingles against plain Python."""

import hashlib
import re
import unicodedata

import pyarrow as pa
import pytest

from pipeline.kernels.duplicates.shingles import normalise, shingles

TEXTS = [
    "The quick brown fox, 3.14 of 1,250,000 and x2y; don't stop!",
    "Café NAÏVE Ångström ΑΒΓ ДОМ İstanbul straße",
    "tab\tand\nline  and\u00a0no-break, soft\u00adhyphen",
    "one two",
    "...",
    "",
    "1. 2. 3 4,x 5.6.7",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 40,
    "a \U0001f600 b \U00010428 c",
]


def plain_normalise(text: str, fold: bool) -> str:
    """FineWeb's steps, in the same order, with Python's own Unicode tables."""
    text = re.sub(r"\d+([.,]\d+)?", "0", text.lower()) if fold else text.lower()
    kinds = [(letter, unicodedata.category(letter)) for letter in unicodedata.normalize("NFD", text)]
    return " ".join("".join(c if kind[0] in "LMN" else " " for c, kind in kinds if kind not in ("Mn", "Cf")).split())


def plain_shingles(text: str, ngram: int) -> list[bytes]:
    words = normalise(text).split()
    length = min(ngram, len(words))
    return [" ".join(words[first : first + length]).encode() for first in range(len(words) - length + 1) if words]


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_normalised_as_in_plain_python(text: str, fold: bool):
    assert normalise(text, fold) == plain_normalise(text, fold)


def test_numbers_are_words_unless_they_are_folded():
    assert normalise("\uff11\uff12.50 ١٢٣ ๔๕ 1,250,000 x2y") == "12 50 123 45 1 250 000 x2y"
    assert normalise("\uff11\uff12.50 ١٢٣ ๔๕ 1,250,000 x2y", fold_numbers=True) == "0 0 0 0 0 x0y"


def test_normalised_as_datatrove_does(shared_data):
    text_module = pytest.importorskip("datatrove.utils.text")
    import pyarrow.parquet as pq

    texts = pq.read_table(shared_data / "fineweb" / "part-00000.parquet")["text"].to_pylist()
    words = [(set(normalise(text, True).split()), set(text_module.simplify_text(text).split())) for text in texts]
    shared = sum(len(ours & theirs) for ours, theirs in words)
    assert shared / sum(len(ours | theirs) for ours, theirs in words) > 0.99


def test_scripts_without_spaces_have_one_character_a_word():
    assert normalise("你好world\u3001カナ") == "你 好 world カ ナ"
    assert normalise("\U00020000\U00020001") == "\U00020000 \U00020001"


def test_sha1_hashes_are_those_of_the_words():
    found = shingles(pa.array([*TEXTS, "long " * 5 + "word" * 40]), 5, "sha1")
    for number, text in enumerate([*TEXTS, "long " * 5 + "word" * 40]):
        expected = [int.from_bytes(hashlib.sha1(shingle).digest()[:4], "little") for shingle in plain_shingles(text, 5)]
        assert found.hashes[found.offsets[number] : found.offsets[number + 1]].tolist() == expected


@pytest.mark.parametrize("ngram", [1, 2, 5])
def test_fast_hashes_are_equal_where_shingles_are(ngram: int):
    texts = [*TEXTS, "of the and a of the and a of the", "abcdefgh abcdefghi abcdefghij abcdefgh"]
    found = shingles(pa.array(texts), ngram)
    plain = [shingle for text in texts for shingle in plain_shingles(text, ngram)]
    pairs = set(zip(plain, found.hashes.tolist(), strict=True))
    assert len(pairs) == len(set(plain)) == len(set(found.hashes.tolist()))


def test_content_is_equal_where_words_are():
    found = shingles(pa.array(["One two three", "one, TWO... three", "one three two", None]), 5)
    assert found.contents[0] == found.contents[1] != found.contents[2]
    assert found.offsets.tolist() == [0, 1, 2, 3, 3]


def test_slices_and_broken_bytes():
    texts = pa.array(TEXTS)
    assert shingles(texts.slice(2, 3), 2).hashes.tolist() == shingles(pa.array(TEXTS[2:5]), 2).hashes.tolist()
    cut_off = [None, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"ab\xe4\xbd")]
    assert len(shingles(pa.Array.from_buffers(pa.string(), 1, cut_off), 5).hashes) == 1
    assert len(shingles(pa.array([], pa.string()), 5).hashes) == 0
