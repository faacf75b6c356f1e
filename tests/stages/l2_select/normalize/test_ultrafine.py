"""The normaliser over columns, against the published steps one text at a time."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers")

from stages.l2_select.normalize import ultrafine
from stages.l2_select.normalize.ultrafine import Ultrafine
from tests.stages.l2_select.helpers import AWKWARD, HOSTILE, TOKENIZERS, official

NORMALIZERS = {name: Ultrafine(tokenizer) for name, tokenizer in TOKENIZERS.items()}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_it_gives_what_the_published_steps_give(name):
    expected = [official(text, TOKENIZERS[name]) for text in HOSTILE]
    assert NORMALIZERS[name](pa.array(HOSTILE)).to_pylist() == expected
    assert NORMALIZERS[name](pa.array(["skipped", *HOSTILE, None]).slice(1)).to_pylist() == [*expected, ""]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(texts=st.lists(st.text(st.sampled_from(AWKWARD) | st.characters(codec="utf-8"))))
@settings(max_examples=80, deadline=None)
def test_it_gives_what_the_published_steps_give_for_any_text(name, texts):
    assert NORMALIZERS[name](pa.array(texts, pa.string())).to_pylist() == [
        official(text, TOKENIZERS[name]) for text in texts
    ]


def test_tokens_are_spelled_as_the_text_has_them():
    normalizer = NORMALIZERS["gpt2"]
    tokens = normalizer.tokens(pa.array(["", "The rivers\n", "\x1c"]))
    words = [normalizer.spelling[int(number)].as_py() for number in tokens.numbers]
    assert tokens.begins.tolist() == [0, 0, len(words), len(words)]
    assert "".join(words) == official("The rivers\n", TOKENIZERS["gpt2"]) + " "


def test_a_full_memory_is_emptied_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(ultrafine, "CHUNKS", 3)
    normalizer = Ultrafine(TOKENIZERS["gpt2"])
    for _ in range(2):
        assert normalizer(pa.array(HOSTILE)).to_pylist() == NORMALIZERS["gpt2"](pa.array(HOSTILE)).to_pylist()
        assert len(normalizer.memory.table) == 0


def test_what_fails_leaves_no_chunk_without_tokens(monkeypatch):
    def fail(texts):
        raise MemoryError

    normalizer = Ultrafine(TOKENIZERS["gpt2"])
    with monkeypatch.context() as patch:
        patch.setattr(normalizer._encoder, "encode", fail)
        with pytest.raises(MemoryError):
            normalizer(pa.array(["The rivers"]))
    assert normalizer(pa.array(["The rivers"])).to_pylist() == [official("The rivers", TOKENIZERS["gpt2"])]


def test_of_a_long_text_its_head_counts(monkeypatch):
    monkeypatch.setattr(ultrafine, "HEAD", 10)
    texts = ["The rivers of", "of é中文", "the rivers é"]
    expected = ["The rivers", "of é中", "the rivers"]
    assert NORMALIZERS["gpt2"](pa.array(texts)).to_pylist() == [official(text, TOKENIZERS["gpt2"]) for text in expected]


def test_a_chunk_is_tokenized_once():
    normalizer, texts = Ultrafine(TOKENIZERS["gpt2"]), pa.array(["the rivers, the rivers", "the rivers"])
    normalizer(texts)
    tokens = len(normalizer.memory.tokens)
    normalizer(texts)
    assert len(normalizer.memory.table) == len({"the", " rivers", ",", " the"})
    assert len(normalizer.memory.tokens) == tokens
