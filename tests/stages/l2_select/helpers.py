"""Small tokenizers of the kinds that published models use, and the published normaliser in plain Python."""

import re
import unicodedata
from typing import Any

import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPLITS: dict[str, tuple[str, ...]] = {  # one after the other, as published; none: GPT-2's own
    "gpt2": (),
    "llama3": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    "deepseek": (  # its letters are a longer list
        r"[\r\n]",
        r"\s?[A-Za-zµÀ-ÖØ-öø-ƺΑ-ΡΣ-ώЀ-ҁ]+",
        r"\s?[!-/:-~！-／：-～‘-‟\x{3000}-。]+",
        r"\s+$",
        r"[一-龥ࠀ-一가-\x{d7ff}]+",
        r"\p{N}",
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}
SAMPLE = (
    "The rivers of the north, it's said, ran 1234 miles. They'd run; we'll see the others' re-runs.\n\n"
    "\tΛΔΓΣ ΛΔΣ.. Ça été 中文，文本。中文文本 текст! 中国的文字 “quoted” — it’s\n"
) * 20
AWKWARD = "aΣ é\u0301'.,!1\n\r\t\u00a0\u3000中国，。🙂¨-l™’\x1c"
HOSTILE = [
    "", " ", "   a  b   ", "\n\n\n\na\n\n\n b", "a \u0301b e\u0301 \u00e9 ", "x\u00a0 y \u3000 z\u2003",
    "¨ \u00b4 a ¨ b", "x'Σ Σ'a 1.Σ", "ΑΣ ΑΣ. ΣΑΣ'Σ Σ", "x\u302e\U0001d16d\u0316\u302f y", "中\U000e0100文",
    "don't  'S it'S\r\n\r\n ok.\n\n Yes!  (no) \"so\" ...\n", "12345 6 7,8 %",
    "rock'n'roll 'tis 'llama they'd've '''s 'sss",
    "中文。 中 文 한국어 हिन्दी में", "中文，文本。《中国》、“文字”：a中b1", "中龥龦文。",
    "🙂 🙂a a🙂 b", "ﬁ ½ ① ﷺ x ™™ ℂ",
    "a\x0b \x0c\x1c b\x85 c\u2028 d", "\x1c\x1ca b\x1c \x1d", "\u2028x\u2028", "<|endoftext|> a </s> b<|endoftext|>c",
    "\x00 a\x00 b", "İ i̇ \u017f \u212a ", "a" * 600 + " " + "b1" * 700 + " " + "中" * 200, "!" * 1500,
]  # fmt: skip


def byte_level(splits: tuple[str, ...], **model: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    parts = [pre_tokenizers.Split(Regex(split), "isolated") for split in splits]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*parts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not splits)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([SAMPLE.lower()], trainer)
    for name, value in model.items():
        setattr(tokenizer.model, name, value)
    return tokenizer


def sentencepiece_like() -> Tokenizer:
    """Puts a mark before every text, so that no cut is allowed."""
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False, special_tokens=["?"])
    tokenizer.train_from_iterator([SAMPLE.lower()], trainer)
    return tokenizer


def with_added(tokenizer: Tokenizer, *contents: str | tokenizers.AddedToken) -> Tokenizer:
    tokenizer.add_tokens(list(contents))
    return tokenizer


def with_normalizer(tokenizer: Tokenizer, normalizer: Any) -> Tokenizer:
    tokenizer.normalizer = normalizer
    return tokenizer


COMPILED = {
    **{name: byte_level(splits) for name, splits in SPLITS.items()},
    "gpt2, end of text": with_added(byte_level(()), "<|endoftext|>", "</s>"),
    "deepseek, as published": with_normalizer(
        with_added(byte_level(SPLITS["deepseek"]), "<｜begin▁of▁sentence｜>"), normalizers.Sequence([])
    ),
    "strips": with_added(byte_level(()), tokenizers.AddedToken("<|endoftext|>", lstrip=True)),
    "qwen": with_normalizer(byte_level(SPLITS["llama3"]), normalizers.NFC()),
}
"""Tokenizers whose merges run in our loop."""
LIBRARY = {
    "sentencepiece": sentencepiece_like(),
    "ignores merges": byte_level(SPLITS["llama3"], ignore_merges=True),
    "one letter apart": byte_level((r"q|\p{L}+", r"\s")),
    "each letter apart": byte_level((r"\p{L}", r"\s")),
    "lower": with_normalizer(byte_level(()), normalizers.Lowercase()),
}
TOKENIZERS = COMPILED | LIBRARY


def officially_simplified(text: str) -> str:
    """The published steps before the tokenizer."""
    text = re.sub(r"\n{3,}", "\n\n", text).lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")


def official(text: str, tokenizer: Tokenizer) -> str:
    """The published steps, one text and one token at a time."""
    ids = tokenizer.encode(officially_simplified(text), add_special_tokens=False).ids
    text = " ".join(tokenizer.decode([one], skip_special_tokens=False) for one in ids)
    text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return re.sub(" +", " ", text).strip()
