"""Token ids, against the library's."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, models

from pipeline.kernels.tokens import encoder
from pipeline.kernels.tokens.encoder import Encoder
from pipeline.kernels.tokens.seams import added_contents
from stages.l2_select.normalize.simplify import simplify
from tests.stages.l2_select.helpers import AWKWARD, COMPILED, HOSTILE, LIBRARY, TOKENIZERS, byte_level

ENCODERS = {name: Encoder(tokenizer, added_contents(tokenizer)) for name, tokenizer in TOKENIZERS.items()}


def ids_of(encode: Encoder, texts: list[str]) -> list[list[int]]:
    ids, counts = encode.encode(pa.array(texts, pa.string()))
    found, all_ids = [], ids.tolist()
    for count in counts:
        found.append(all_ids[:count])
        all_ids = all_ids[count:]
    assert not all_ids
    return found


def library_ids(name: str, texts: list[str]) -> list[list[int]]:
    return [TOKENIZERS[name].encode(text, add_special_tokens=False).ids for text in texts]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_ids_are_those_of_the_library(name):
    texts = [simplify(text) for text in HOSTILE]
    for _ in range(2):  # with shapes unknown and known
        assert ids_of(ENCODERS[name], texts) == library_ids(name, texts)


@pytest.mark.parametrize("name", COMPILED)
@given(texts=st.lists(st.text(st.sampled_from(AWKWARD) | st.sampled_from("thervsnoa '")).map(simplify)))
@settings(max_examples=100, deadline=None)
def test_ids_are_those_of_the_library_for_any_text(name, texts):
    assert ids_of(ENCODERS[name], texts) == library_ids(name, texts)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_library_is_asked_where_our_loop_would_differ(name, monkeypatch):
    asked = []
    monkeypatch.setattr(encoder.Encoder, "_ask_library", lambda self, texts: asked.extend(texts) or [[] for _ in texts])
    its = Encoder(TOKENIZERS[name], added_contents(TOKENIZERS[name]))
    ids_of(its, ["the rivers", "a" * 300, "中文", "x<|endoftext|>"])
    expected = ["a" * 300]
    if name in LIBRARY:
        expected = ["the rivers", "a" * 300, "中文", "x<|endoftext|>"]
    elif name == "qwen":
        expected = ["a" * 300, "中文"]
    elif name in ("gpt2, end of text", "strips"):
        expected = ["a" * 300, "x<|endoftext|>"]
    assert asked == expected


def test_only_texts_that_hold_an_added_token_are_asked_of_the_library(monkeypatch):
    asked = []
    monkeypatch.setattr(encoder.Encoder, "_ask_library", lambda self, texts: asked.extend(texts) or [[] for _ in texts])
    texts = pa.array(["a<|endoftext|>", "the rivers", "a < b", "b<|endoftext|>", "the"])
    name = "gpt2, end of text"
    Encoder(TOKENIZERS[name], added_contents(TOKENIZERS[name])).encode(texts.slice(1))
    assert asked == ["b<|endoftext|>"]


@pytest.mark.parametrize("limit", ["SHAPES", "UNITS"])
def test_forgotten_shapes_are_learned_again(monkeypatch, limit):
    monkeypatch.setattr(encoder, limit, 2)
    forgetful, texts = Encoder(TOKENIZERS["gpt2"], ()), ["the rivers", "12,3", "it's", "the. rivers"]
    for _ in range(2):
        assert ids_of(forgetful, texts) == library_ids("gpt2", texts)
        assert len(forgetful._shapes) == 1


def test_texts_with_bytes_that_the_vocabulary_lacks_go_to_the_library():
    """SmolLM2's has no token for some control characters, and leaves them out."""
    lacking = byte_level(())
    vocabulary = [one for one in lacking.get_vocab() if one not in ("Ą", "ñ")]  # the bytes 4 and 0xF1
    lacking.model = models.BPE({one: number for number, one in enumerate(vocabulary)}, [])
    texts = ["a\x04b", "the", "\U00040000 b", ""]
    expected = [lacking.encode(text, add_special_tokens=False).ids for text in texts]
    assert len(expected[0]) == 2
    assert ids_of(Encoder(lacking, ()), texts) == expected


def test_a_tokenizer_of_another_kind_is_left_to_the_library():
    pieces = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], 0, False))
    its = Encoder(pieces, ())
    assert not its.is_compiled
    assert ids_of(its, ["ab", "", "ba"]) == [pieces.encode(text).ids for text in ["ab", "", "ba"]]
