"""Phrases around a text that the lexicons were not made from, and real sentences that look like them."""

from pathlib import Path

import pytest
import yaml

from benchmarks.l3_phrases import TEXT, answer
from stages.l3_synthesize.output_checks import speaks_around

PHRASES = yaml.safe_load(Path(__file__).with_name("unseen_phrases.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["refusal", "preamble", "closer"])
def test_most_are_found_as_what_they_are(kind: str, language: str):
    phrases = PHRASES[kind][language]
    found = [speaks_around(answer(kind, language, phrase), TEXT[language]) for phrase in phrases]
    assert found.count(kind) >= 0.8 * len(phrases)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sentences_of_a_text_stay(language: str):
    phrases = PHRASES["innocent"][language]
    at = [(place, phrase) for place in ("preamble", "closer") for phrase in phrases]
    refused = [one for one in at if speaks_around(answer(*one[:1], language, one[1]), TEXT[language])]
    assert len(refused) <= 1, refused


def test_what_the_source_says_too_is_no_evidence():
    text = "Let me know whether the harbour is open."
    assert speaks_around(f"{TEXT['en']}\n{text}", TEXT["en"]) == "closer"
    assert speaks_around(f"{TEXT['en']}\n{text}", f"{text} {TEXT['en']}") is None
