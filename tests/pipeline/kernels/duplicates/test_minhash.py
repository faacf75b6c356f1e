"""Signatures against datasketch and against true similarity."""

import random

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash

from pipeline.kernels.duplicates.jaccard import jaccard, shingle_sets
from pipeline.kernels.duplicates.minhash import band_keys, signatures
from pipeline.kernels.duplicates.shingles import normalise, shingles

TEXTS = ["The first of two texts that share some words, 1 of 2.", "Two texts that share some words", "one", ""]


@pytest.mark.parametrize(("count", "seed"), [(112, 1), (286, 7)])
def test_signature_equals_datasketch(count: int, seed: int):
    found = signatures(shingles(pa.array(TEXTS), 5, "sha1"), count, seed)
    for text, signature in zip(TEXTS, found, strict=True):
        words = normalise(text).split()
        expected = MinHash(num_perm=count, seed=seed)
        if words:
            expected.update_batch([" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))])
        assert signature.tolist() == expected.hashvalues.tolist()


def test_fast_signature_equals_datasketch_over_the_same_hashes():
    found = shingles(pa.array(TEXTS[:1]), 5)
    expected = MinHash(num_perm=112, seed=1, hashfunc=int)
    expected.update_batch(found.hashes.tolist())
    assert signatures(found, 112, 1)[0].tolist() == expected.hashvalues.tolist()


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.8, 0.95])
def test_estimate_has_the_error_of_ideal_permutations(similarity: float):
    """Over 200 pairs the mean error stays within 4 standard errors of an unbiased binomial estimate."""
    draw, count, pairs, size = random.Random(1), 112, 200, 300
    shared = round(2 * size * similarity / (1 + similarity))
    texts = []
    for _ in range(pairs):
        pool = [f"{number:x}".translate(LETTERS) for number in draw.sample(range(10**9), 2 * size - shared)]
        texts += [" ".join(pool[:size]), " ".join(pool[size - shared :])]
    found = shingles(pa.array(texts), 1)
    signature = signatures(found, count, 1)
    values, offsets = shingle_sets(found)
    sets = [values[offsets[i] : offsets[i + 1]] for i in range(len(texts))]
    true = np.array([jaccard(sets[i], sets[i + 1]) for i in range(0, len(sets), 2)])
    estimate = (signature[::2] == signature[1::2]).mean(axis=1)
    deviation = np.sqrt(true * (1 - true) / count)
    assert np.allclose(true, similarity, atol=0.01)
    assert abs((estimate - true).mean()) < 4 * deviation.mean() / np.sqrt(pairs)
    assert 0.8 < ((estimate - true) / deviation).std() < 1.2


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def test_band_keys_agree_where_the_bands_columns_do():
    signature = np.array([[1, 2, 3, 4], [1, 2, 9, 4], [3, 4, 1, 2]], np.uint32)
    keys = band_keys(signature, 2)
    assert keys[0, 0] == keys[1, 0]
    assert len(np.unique(keys)) == 5  # the same columns in another band are another key
