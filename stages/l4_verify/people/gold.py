"""Hidden gold: records whose verdict is known, among those that people judge, to measure the people.

Bad gold is a row with one defect planted; good gold is an extract of a source, which says nothing that its source does
not say. Neither is a row of the lot, and nothing that reviewers see tells them apart from one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")  # noqa: RUF001
VERB = re.compile(r"\b(?:is|are|was|were|has|have|can|will)\b")
Record = Mapping[str, Any]


def planted(record: Record, others: Sequence[Record], chance: random.Random) -> tuple[str, str] | None:
    """(text with a defect, its code): a number changed, a claim negated, or a sentence of a foreign page added."""
    ways = [_number, _negation, _foreign]
    chance.shuffle(ways)
    for way in ways:
        found = way(record, others, chance)
        if found is not None:
            return found
    return None


def extract(record: Record) -> str | None:
    """About half of the source's sentences, from its beginning."""
    sentences = _sentences(record["source"] or "")
    if len(sentences) < 2:
        return None
    return " ".join(sentences[: (len(sentences) + 1) // 2])


def _sentences(text: str) -> list[str]:
    return [one.strip() for one in END.split(text) if one.strip().endswith((".", "!", "?", "。", "！", "？"))]  # noqa: RUF001


def _number(record: Record, others: Sequence[Record], chance: random.Random) -> tuple[str, str] | None:
    digits = list(re.finditer(r"[0-9]+", record["text"]))
    if not digits:
        return None
    chosen = chance.choice(digits)
    other = str(int(chosen[0]) + chance.choice((1, 3, 7, 20)))
    if other in record["source"]:
        return None
    return record["text"][: chosen.start()] + other + record["text"][chosen.end() :], "number"


def _negation(record: Record, others: Sequence[Record], chance: random.Random) -> tuple[str, str] | None:
    verbs = [
        match for match in VERB.finditer(record["text"]) if record["text"][match.end() : match.end() + 4] != " not"
    ]
    if not verbs:
        return None
    chosen = chance.choice(verbs)
    return f"{record['text'][: chosen.end()]} not{record['text'][chosen.end() :]}", "negation"


def _foreign(record: Record, others: Sequence[Record], chance: random.Random) -> tuple[str, str] | None:
    sentences = [one for other in others if other["id"] != record["id"] for one in _sentences(other["text"])]
    strange = [sentence for sentence in sentences if sentence not in record["source"] and len(sentence) > 20]
    return (f"{record['text']} {chance.choice(strange)}", "unsupported") if strange else None
