"""Held-out text that training text holds too is left out, by windows of 13 words."""

import random
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


def windows_of(text: str) -> list[tuple[str, ...]]:
    """The plain rule: runs of letters and digits, each CJK character alone, in windows of 13."""
    found, word = [], ""
    for character in text + " ":
        alone = 0xE3 <= character.encode()[0] <= 0xED
        inside = not alone and (not character.isascii() or character.isalnum())
        if not inside and word:
            found.append(word)
            word = ""
        if alone:
            found.append(character)
        elif inside:
            word += character.lower() if character.isascii() else character
    return [tuple(found[i : i + WINDOW]) for i in range(len(found) - WINDOW + 1)]


def test_window_hashes_agree_with_the_plain_rule() -> None:
    choice = random.Random(0)
    texts = ["".join(choice.choices("aB1 ,.é中文\n", k=choice.randrange(200))) for _ in range(50)]
    texts += [f"{string.ascii_letters} {string.digits} {string.punctuation} " * 13]  # every letter, in both cases
    texts += ["x " * 40, "X, " * 40, "", "中" * 20]
    hashes, rows = hash_windows(pa.array(["skipped", *texts], pa.string()).slice(1))
    expected = [(row, window) for row, text in enumerate(texts) for window in windows_of(text)]
    assert rows.tolist() == [row for row, _ in expected]
    assert len(set(zip(hashes.tolist(), (window for _, window in expected), strict=True))) == len(set(hashes.tolist()))
    assert len(set(hashes.tolist())) == len({window for _, window in expected})


def test_capitals_are_the_same_words() -> None:
    words = " ".join(string.ascii_lowercase)
    lower, upper = (hash_windows(pa.array([text]))[0].tolist() for text in (words, words.upper()))
    assert lower == upper
    assert len(set(lower)) == 26 - 12
