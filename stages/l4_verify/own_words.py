"""Do the words of a claim belong together in its source, and does an answer answer its question?

Used by `faithfulness` once no number, name or denial of a rewrite is new: a small model then still puts statements
together from its source's own words. The source is cut into clauses. A word that stands in one of them alone weighs
most, and a word counts less the farther its clause lies from the one that a claim is compared with: same sentence,
sentences beside it, elsewhere. A question and its answer are one claim.

| finding          | verdict | when                                                                                    |
|------------------|---------|-----------------------------------------------------------------------------------------|
| no_answer        | fail    | every content word of an answer stands in its question                                  |
| answer_unfounded | abstain | an answer holds no word of the source that its question does not hold                   |
| item_elsewhere   | abstain | another number or name of the source stands nearer to the claim's words than the given  |
| words_exchanged  | abstain | a clause takes one part from each of two clauses of one sentence and leaves another out |
| words_scattered  | abstain | no place of the source holds enough of the claim's words together                       |

Evidence of places, no proof of meaning: it can keep a row from being certified and never certifies one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stages.l4_verify.claims import CLAUSE, FEWEST_WORDS, content, sentences
from stages.l4_verify.names_in_text import Name, german_names, is_chinese, names
from stages.l4_verify.number_words import language
from stages.l4_verify.numbers_in_text import numbers

QUESTION = re.compile(r"[?？]\s*\Z")
CHOICE = re.compile(
    r"\b(?:or|oder|ou)\b|还是|吗|\A\s*(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|"
    r"ist|sind|war|waren|hat|haben|kann|können|wird|werden|muss|est-ce|peut-on)\b",
    re.IGNORECASE,
)
"""Questions that an answer may repeat: by yes or no, or by one of what they name."""
FEWEST_IN_CLAUSE = 2
SAME_SENTENCE, BESIDE, TOPIC = 0.6, 0.4, 0.3
"""What a word counts that stands in another clause of the sentence, in the sentence before or after, and in the first
sentence, which says what all of the text is about."""
TOGETHER = 0.65
"""Least share of a claim's weight that one place must hold: `benchmarks/l4_recombined.py` shows both sides of it."""
NEARER = 1.2
"""How many times nearer another item must stand to be the right one: words of a rewrite are other words in part."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, the number of its sentence, its content words and amounts, and the names in it."""

    text: str
    sentence: int
    words: frozenset[str]
    amounts: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and in which claim."""

    defect: str
    claim: str


class Places:
    """The clauses of a source, and what each word weighs."""

    def __init__(self, source: str) -> None:
        self.tongue = language(source)
        self.clauses = list(clauses(source, self.tongue))
        self._in = Counter(word for one in self.clauses for word in one.words)
        self._sentences: dict[int, frozenset[str]] = {}
        for one in self.clauses:
            self._sentences[one.sentence] = self._of(one.sentence) | one.words

    def known(self, words: frozenset[str]) -> frozenset[str]:
        return frozenset(word for word in words if word in self._in)

    def weight(self, words: frozenset[str]) -> float:
        return sum(1 / self._in[word] for word in words)

    def near(self, words: frozenset[str], place: int) -> float:
        """The weight of words, each by how far from the clause at `place` it stands."""
        number = self.clauses[place].sentence
        beside = self._of(number - 1) | self._of(number + 1)
        total = 0.0
        for counts, around in (
            (1.0, self.clauses[place].words), (SAME_SENTENCE, self._of(number)), (BESIDE, beside), (TOPIC, self._of(0)),
        ):  # fmt: skip
            total += counts * self.weight(words & around)
            words -= around
        return total

    def _of(self, number: int) -> frozenset[str]:
        return self._sentences.get(number, frozenset())


def findings(text: str, source: str) -> Iterator[Finding]:
    """What speaks against the claims of a text, in their order."""
    places, asked = Places(source), ""
    for sentence in sentences(text):
        if QUESTION.search(sentence.text):
            asked = sentence.text
            continue
        found: Iterable[Clause] = clauses(sentence.text, places.tongue)
        if asked:
            question, answer = (_clause(one, 0, places.tongue) for one in (asked, sentence.text))
            if not CHOICE.search(asked) and answer.words:
                if answer.words <= question.words:
                    yield Finding("no_answer", sentence.text)
                elif places.known(answer.words) <= question.words:
                    yield Finding("answer_unfounded", sentence.text)
            found = [_answering(question, clause) for clause in found]
        asked = ""
        for clause in found:
            if defect := _misplaced(clause, places):
                yield Finding(defect, clause.text)


def clauses(text: str, tongue: str) -> Iterator[Clause]:
    """The clauses of a text; what has fewer than two content words belongs to the clause behind it."""
    for number, sentence in enumerate(sentences(text)):
        cuts = [0, *(one.start() for one in CLAUSE.finditer(sentence.text)), len(sentence.text)]
        start, done = 0, list[Clause]()
        for end in cuts[1:]:
            clause = _clause(sentence.text[start:end], number, tongue)
            if len(clause.words) >= FEWEST_IN_CLAUSE:
                done.append(clause)
                start = end
        if start < len(sentence.text):  # too short a rest goes with the clause before it
            rest = _clause(sentence.text[start:], number, tongue)
            done[-1:] = [_joined(done[-1], rest)] if done else [rest]
        yield from done


def _clause(text: str, number: int, tongue: str) -> Clause:
    amounts = frozenset(
        amount
        for one in numbers(text, tongue)
        if not one.is_seldom
        for reading in one.readings
        for amount in reading.amounts
    )
    return Clause(text.strip(), number, frozenset(content(text)) | {f"#{one}" for one in amounts}, amounts,
                  frozenset(one.value for one in _names(text, tongue)))  # fmt: skip


def _names(text: str, tongue: str) -> Iterator[Name]:
    if not is_chinese(text):
        yield from german_names(text) if tongue == "de" else names(text)


def _joined(one: Clause, other: Clause) -> Clause:
    return Clause(
        f"{one.text} {other.text}".strip(),
        one.sentence,
        one.words | other.words,
        one.amounts | other.amounts,
        one.names | other.names,
    )


def _answering(question: Clause, answer: Clause) -> Clause:
    """Question and answer as one claim, with the items that only the answer gives."""
    return Clause(
        f"{question.text} {answer.text}",
        answer.sentence,
        question.words | answer.words,
        answer.amounts - question.amounts,
        answer.names - question.names,
    )


def _misplaced(claim: Clause, places: Places) -> str:
    words = places.known(claim.words)
    if len(words) < 2 or not places.clauses:
        return ""
    for mine in ("amounts", "names"):
        for item in sorted(getattr(claim, mine)):
            if _is_elsewhere(item, mine, words, places):
                return "item_elsewhere"
    if _is_exchanged(words, places):
        return "words_exchanged"
    best = max(places.near(words, place) for place in range(len(places.clauses)))
    if len(words) >= FEWEST_WORDS and best < TOGETHER * places.weight(words):
        return "words_scattered"
    return ""


def _is_elsewhere(item: str, kind: str, words: frozenset[str], places: Places) -> bool:
    """Whether a clause that holds other items of its kind, and not this one, stands nearer to the claim's words."""
    around = frozenset(word for word in words if not word.startswith("#")) - frozenset(content(item))
    mine, others = [0.0], [0.0]
    for place, clause in enumerate(places.clauses):
        held = getattr(clause, kind)
        if held:
            (mine if item in held else others).append(places.near(around, place))
    return len(mine) > 1 and max(others) > NEARER * max(mine)


def _is_exchanged(words: frozenset[str], places: Places) -> bool:
    """Whether a claim holds a part of each of two parallel clauses, no other words, and lacks a part of both."""
    for number, one in enumerate(places.clauses):
        for other in places.clauses[number + 1 :]:
            if other.sentence != one.sentence:
                break
            parts = one.words - other.words, other.words - one.words
            is_parallel = one.words & other.words & words and words <= one.words | other.words
            if is_parallel and all(part & words and part - words for part in parts):
                return True
    return False
