"""Held-out text that training text holds too is left out, by windows of 13 words."""

import string
from pathlib import Path

import pyarrow as pa

from pipeline.ablation.data import survey
from pipeline.ablation.heldout import domains
from pipeline.ablation.overlap import WINDOW, hash_windows, without_overlap
from tests.pipeline.ablation.helpers import words, write


def test_held_out_copies_of_training_text_are_left_out(tmp_path: Path) -> None:
    texts = [words(60, seed) for seed in range(12)]
    # One training text is a held-out one in capitals, with a new beginning; another shares 15 of its 60 words.
    copied = "a new title " + texts[0].upper()
    quoting = words(60, 99) + " " + " ".join(texts[1].split()[:15])
    arms = {"baseline": survey([write(tmp_path / "b.parquet", [copied])])}
    arms["candidate"] = survey([write(tmp_path / "c.parquet", [quoting])])
    held = domains(arms, [write(tmp_path / "held.parquet", texts)], 10**6)
    (left,) = without_overlap(held, arms.values())
    assert left.texts == tuple(texts[1:])
    assert left.overlapping == 1
    assert len(left.hashes) == 11


def test_every_run_of_13_words_within_one_text_has_a_hash() -> None:
    letters = " ".join(string.ascii_lowercase)
    texts = pa.array(["skipped", letters, "a b", None, "", letters[::-1].upper(), letters], pa.string()).slice(1)
    hashes, rows = hash_windows(texts)
    runs = 26 - WINDOW + 1
    assert rows.tolist() == [0] * runs + [4] * runs + [5] * runs
    assert hashes[:runs].tolist() == hashes[2 * runs :].tolist()
    assert len(set(hashes.tolist())) == 2 * runs


def test_capitals_are_the_same_words() -> None:
    words = " ".join(string.ascii_lowercase)
    lower, upper = (hash_windows(pa.array([text]))[0].tolist() for text in (words, words.upper()))
    assert lower == upper
    assert len(set(lower)) == 26 - 12
