import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l2_select.normalizers import Ultrafine, cut_before, load_ultrafine, normalize

tokenizers = pytest.importorskip("tokenizers")
SPLITS = {  # one after the other, as published; none: GPT-2's own
    "gpt2": (),
    "llama3": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    "deepseek": (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+$", r"[一-龥ࠀ-一가-\x{d7ff}]+", r"\p{N}"),
}
SAMPLE = "The rivers of the north, it's said, ran 1234 miles.\n\n\tΛΔΓΣ ΛΔΣ.. Ça été 中文 текст! " * 20


def byte_level(splits: tuple[str, ...]):
    """A small byte-level tokenizer of the kind that published models use."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    parts = [tokenizers.pre_tokenizers.Split(tokenizers.Regex(split), "isolated") for split in splits]
    bytes_ = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not splits)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([*parts, bytes_])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=500, show_progress=False, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([SAMPLE.lower()], trainer)
    return tokenizer


def sentencepiece_like():
    """A tokenizer that puts a mark before every text, so that no cut is allowed."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, show_progress=False, special_tokens=["?"])
    tokenizer.train_from_iterator([SAMPLE.lower()], trainer)
    return tokenizer


TOKENIZERS = {name: byte_level(splits) for name, splits in SPLITS.items()} | {"sentencepiece": sentencepiece_like()}
NORMALIZERS = {name: Ultrafine(tokenizer) for name, tokenizer in TOKENIZERS.items()}


def official(text: str, tokenizer) -> str:
    """The published steps, one text and one token at a time."""
    text = re.sub(r"\n{3,}", "\n\n", text).lower()
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    text = " ".join(tokenizer.decode([one], skip_special_tokens=False) for one in ids)
    text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return re.sub(" +", " ", text).strip()


AWKWARD = "aΣ é\u0301'.,!1\n\r\t\u00a0\u3000中🙂¨-"
HOSTILE = [
    "", " ", "   a  b   ", "\n\n\n\na\n\n\n b", "a \u0301b e\u0301 \u00e9 ", "x\u00a0 y \u3000 z\u2003",
    "¨ \u00b4 a ¨ b", "x'Σ Σ'a 1.Σ",
    "ΑΣ ΑΣ. ΣΑΣ'Σ Σ", "don't  'S it'S\r\n\r\n ok.\n\n Yes!  (no) \"so\" ...\n", "12345 6 7,8 %",
    "中文。 中 文 한국어 हिन्दी में", "🙂 🙂a a🙂 b", "ﬁ ½ ① ﷺ x", "a\x0b \x0c\x1c b\x85 c\u2028 d",
    "<|endoftext|> a </s> b", "\x00 a\x00 b", "İ i̇ \u017f \u212a ",
]  # fmt: skip


@pytest.mark.parametrize("name", TOKENIZERS)
def test_ultrafine_is_the_official_normalizer(name):
    expected = [official(text, TOKENIZERS[name]) for text in HOSTILE]
    assert NORMALIZERS[name](pa.array(HOSTILE)).to_pylist() == expected
    assert NORMALIZERS[name](pa.array(["skipped", *HOSTILE]).slice(1)).to_pylist() == expected


@pytest.mark.parametrize("name", TOKENIZERS)
@given(texts=st.lists(st.text(st.sampled_from(AWKWARD) | st.characters(codec="utf-8"))))
@settings(max_examples=100, deadline=None)
def test_ultrafine_is_the_official_normalizer_for_any_text(name, texts):
    assert NORMALIZERS[name](pa.array(texts, pa.string())).to_pylist() == [
        official(text, TOKENIZERS[name]) for text in texts
    ]


def test_texts_are_cut_only_where_the_tokenizer_allows_it():
    assert all(NORMALIZERS[name].cut_before[ord(seam)] for name in SPLITS for seam in " ,.'(")
    assert not NORMALIZERS["sentencepiece"].cut_before.any()
    greedy = byte_level(())
    greedy.add_tokens(["new york"])
    assert not cut_before(greedy).any()


def test_a_full_memory_is_emptied_and_changes_nothing(monkeypatch):
    monkeypatch.setattr("stages.l2_select.normalizers.CACHED_CHUNKS", 3)
    normalizer = Ultrafine(TOKENIZERS["gpt2"])
    for _ in range(2):
        assert normalizer(pa.array(HOSTILE)).to_pylist() == NORMALIZERS["gpt2"](pa.array(HOSTILE)).to_pylist()


def test_the_tokenizer_file_is_found_or_named(tmp_path):
    TOKENIZERS["gpt2"].save(str(tmp_path / "tokenizer.json"))
    texts = pa.array(["The rivers", None])
    assert normalize(texts, "ultrafine", str(tmp_path)).to_pylist() == [official("The rivers", TOKENIZERS["gpt2"]), ""]
    (tmp_path / "broken.json").write_text("{}")
    for name in ("none.json", "broken.json"):
        with pytest.raises(ValueError, match=f"{name}.*give a Hugging Face tokenizer.json"):
            load_ultrafine(tmp_path / name)


@given(text=st.text(st.sampled_from("ab \n\r\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\u3000\u00a0")))
def test_dclm_joins_lines_as_published(text):
    assert normalize(pa.array([text]), "dclm").to_pylist() == [" ".join(text.strip().splitlines())]


def test_plain_turns_newlines_into_spaces():
    assert normalize(pa.array(["a\nb\r\n", None]), "plain").to_pylist() == ["a b\r ", ""]
