"""The tokenizer loses nothing and its marks cannot be spelt; a corpus holds each document behind one."""

from pathlib import Path

from pipeline.ablation.data import choose, in_slice, survey
from pipeline.ablation.heldout import domains
from pipeline.ablation.order import Stream
from pipeline.ablation.tokenizer import BOS, encode, tokenize, train_tokenizer
from tests.pipeline.ablation.helpers import sentences, write


def test_the_tokenizer_is_lossless_and_text_cannot_spell_bos() -> None:
    tokenizer = train_tokenizer(sentences(50, 1), 300)
    text = f"Größe 中文 \U0001f600 {BOS}\tthe river\n"
    ids = encode(tokenizer, [text])[0].tolist()
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_to_id(BOS) == tokenizer.get_vocab_size() - 1
    assert tokenizer.token_to_id(BOS) not in ids


def test_held_out_documents_are_never_trained_on(tmp_path: Path) -> None:
    data = write(tmp_path / "data.parquet", sentences(300, 1))
    # Each document comes twice, since a repeat must not carry a held-out text into training.
    arm = survey([data, data])
    held = domains({"baseline": arm}, (), 10**9)[0]
    free = choose(arm, "baseline", held.hashes, 10**9)
    tokenizer = train_tokenizer(sentences(300, 1), 300)
    corpus = tokenize(free, tokenizer, tmp_path / "tokens")
    stream = tokenizer.decode(Stream(corpus, 0, 10**6).read(0, len(corpus.tokens)).tolist(), skip_special_tokens=False)
    trained = set(stream.split(BOS)[1:])
    assert len(held.texts) == sum(in_slice(survey([data]).hashes)) > 10
    assert trained == set(sentences(300, 1)) - set(held.texts)
    assert corpus.unique_tokens * 2 == len(corpus.tokens)
