"""In which order a run reads an arm."""

from pathlib import Path

import numpy as np

from pipeline.ablation.data import survey
from pipeline.ablation.order import Stream, order, pieces
from pipeline.ablation.tokenizer import BOS, Corpus, tokenize, train_tokenizer
from tests.pipeline.ablation.helpers import sentences, write

WHOLE = 10**6


def corpus_of(lengths: list[int], repeats: list[int]) -> Corpus:
    """Document n holds the tokens 100 n, 100 n + 1, …"""
    tokens = np.concatenate([100 * row + np.arange(length) for row, length in enumerate(lengths)]).astype(np.uint16)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Corpus(tokens, starts, np.arange(len(lengths), dtype=np.uint64), np.array(repeats), len(tokens))


def test_shared_documents_come_in_the_same_order_in_both_arms(tmp_path: Path) -> None:
    texts = sentences(60, 1)
    all_of_them = write(tmp_path / "all.parquet", texts)
    every_third = write(tmp_path / "third.parquet", texts[::-3])
    tokenizer = train_tokenizer(texts, 300)

    def order(path: Path) -> list[str]:
        corpus = tokenize(survey([path]), tokenizer, tmp_path / path.stem)
        stream = Stream(corpus, 5, WHOLE).read(0, len(corpus.tokens))
        return tokenizer.decode(stream.tolist(), skip_special_tokens=False).split(BOS)[1:]

    shared = set(order(every_third))
    assert len(shared) == 20
    assert [text for text in order(all_of_them) if text in shared] == order(every_third)


def test_a_short_arm_is_repeated_in_another_order() -> None:
    stream = Stream(corpus_of([2] * 10, [1] * 10), 0, WHOLE).read(0, 45)
    first, second = stream[:20].tolist(), stream[20:40].tolist()
    assert sorted(first) == sorted(second) == sorted(100 * row + k for row in range(10) for k in (0, 1))
    assert first != second
    assert len(stream) == 45


def test_a_document_is_cut_into_pieces_that_are_spread() -> None:
    corpus = corpus_of([5, 2], [1, 1])
    begins, ends, keys = pieces(corpus, 2)
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == [(0, 2), (2, 4), (4, 5), (5, 7)]
    assert len(set(keys.tolist())) == 4
    orders = {tuple(Stream(corpus, seed, 2).read(0, 7).tolist()) for seed in range(8)}
    assert len(orders) > 4
    assert {tuple(sorted(stream)) for stream in orders} == {(0, 1, 2, 3, 4, 100, 101)}


def test_any_stretch_is_the_same_as_in_the_whole() -> None:
    corpus = corpus_of([5, 1, 7, 3], [1, 2, 1, 1])
    whole = Stream(corpus, 3, 2).read(0, 60).tolist()
    for begin in range(0, 55, 3):
        for length in (1, 4, 17):
            assert Stream(corpus, 3, 2).read(begin, min(60, begin + length)).tolist() == whole[begin : begin + length]


def test_a_row_is_read_as_often_as_its_repeats_say() -> None:
    corpus = corpus_of([2, 2, 2], [1, 3, 0])
    assert corpus.pass_tokens == 8
    stream = Stream(corpus, 0, WHOLE).read(0, 16).tolist()
    assert sorted(stream[:8]) == [0, 1, 100, 100, 100, 101, 101, 101]
    assert len(set(pieces(corpus, WHOLE)[2].tolist())) == 4, "each copy has a place of its own"


def test_the_order_of_documents_is_that_of_earlier_runs() -> None:
    # As in test_data.py: another order is another run, so `compare.PROTOCOL` goes up with it.
    ten = np.arange(10, dtype=np.uint64)
    assert order(ten, seed=0, epoch=0).tolist() == [0, 7, 3, 1, 9, 5, 4, 6, 8, 2]
    assert order(ten, seed=0, epoch=1).tolist() == [6, 0, 8, 1, 4, 5, 3, 7, 2, 9]
    assert order(ten, seed=1, epoch=0).tolist() == [6, 1, 2, 3, 9, 7, 8, 4, 5, 0]
