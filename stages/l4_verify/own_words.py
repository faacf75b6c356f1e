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
| words_exchanged  | abstain | a near copy of a sentence has words of another place in it (`exchanged_words.py`)       |
| words_scattered  | abstain | no place of the source holds enough of the claim's words together                       |
| too_many_clauses | abstain | text or source is longer than what is rewritten at once, and nobody has looked          |

Evidence of places, no proof of meaning: it can keep a row from being certified and never certifies one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stages.l4_verify.claims import CLAUSE, DENIES, FEWEST_WORDS, Sentence, content, sentences
from stages.l4_verify.dates_in_text import MONTHS
from stages.l4_verify.exchanged_words import Copies
from stages.l4_verify.names_in_text import Name, german_names, is_chinese, names
from stages.l4_verify.number_words import language
from stages.l4_verify.numbers_in_text import numbers

QUESTION = re.compile(r"[?？]\s*\Z")
ANSWERED_BY_QUESTION = re.compile(r"^(?:Answer|Antwort|Réponse|答案?)\s?[:：][^\n]*[?？]$", re.MULTILINE)
CHOICE = re.compile(
    r"\b(?:or|oder|ou)\b|还是|吗|\A\s*(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|"
    r"ist|sind|war|waren|hat|haben|kann|können|wird|werden|muss|est-ce|peut-on)\b",
    re.IGNORECASE,
)
"""Questions that an answer may repeat: by yes or no, or by one of what they name."""
FEWEST_IN_CLAUSE = 2
AMOUNT = "#"
"""Before an amount among words."""
EARLIER, LATER, BEFORE, AFTER, TOPIC = 0.9, 0.5, 0.6, 0.3, 0.3
"""What a word counts that stands not in a clause but in its sentence, earlier or later; in the sentence before or
after; or in the first sentence, which says what a text is about. Omitted subjects and pronouns point back."""
TOGETHER, OTHER = 0.7, 0.3
"""Least share of a claim's weight that one place must hold, and what a word weighs that the source does not have.
Chosen on the half `tune` of `benchmarks/l4_recombined.py` and older faithful rewrites: of 39 wrong ones 1 passes, of
169 right ones 137; with 0.6, 5 and 140."""
MOST_CLAUSES = 400
"""Of a text or its source: each is compared with each, and a passage that is rewritten has some ten to fifty."""
NEARER = 1.2
"""How many times nearer another item must stand to be the right one: words of a rewrite are other words in part."""


Items = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, the number of its sentence, its content words and amounts, and the names in it."""

    text: str
    sentence: int
    words: frozenset[str]
    amounts: Items
    """Of each number, all it may amount to."""
    names: Items


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and in which claim."""

    defect: str
    claim: str


class Places:
    """The clauses of a source, and what each word weighs."""

    def __init__(self, source: Iterable[Sentence], tongue: str) -> None:
        self.tongue = tongue
        self.clauses = list(clauses(source, tongue))
        self._in = defaultdict[str, list[int]](list)
        self._sentences = defaultdict[int, frozenset[str]](frozenset)
        self._earlier: list[frozenset[str]] = []
        for place, one in enumerate(self.clauses):
            self._earlier.append(self._sentences[one.sentence])
            self._sentences[one.sentence] |= one.words
            for word in one.words:
                self._in[word].append(place)

    def known(self, words: frozenset[str]) -> frozenset[str]:
        return frozenset(word for word in words if word in self._in)

    def weight(self, words: frozenset[str]) -> float:
        return sum(1 / len(self._in[word]) for word in words)

    def near(self, words: frozenset[str], place: int) -> float:
        """The weight of words, each by how far from the clause at `place` it stands."""
        here, total = self.clauses[place].sentence, 0.0
        for counts, around in (
            (1.0, self.clauses[place].words),
            (EARLIER, self._earlier[place]),
            (BEFORE, self._sentences.get(here - 1, frozenset())),
            (LATER, self._sentences[here]),
            (AFTER, self._sentences.get(here + 1, frozenset())),
            (TOPIC, self._sentences[0]),
        ):
            total += counts * self.weight(words & around)
            words -= around
        return total

    def nearest(self, words: frozenset[str]) -> float:
        """The most of their weight that one place holds."""
        return max(
            (self.near(words, place) for place in {place for word in words for place in self._in[word]}), default=0
        )


def findings(text: str, source: str) -> Iterator[Finding]:
    """What speaks against the claims of a text, in their order."""
    said, given = list(sentences(text)), list(sentences(source))
    if max(len(CLAUSE.findall(one)) + len(cut) for one, cut in ((text, said), (source, given))) > MOST_CLAUSES:
        yield Finding("too_many_clauses", "")
        return
    places, asked, copies = Places(given, language(source)), "", Copies(given)
    for match in ANSWERED_BY_QUESTION.finditer(text):
        yield Finding("no_answer", match[0])
    for sentence in said:
        if QUESTION.search(sentence.text):
            asked = sentence.text
            continue
        found: Iterable[Clause] = clauses(sentences(sentence.text), places.tongue)
        if asked:
            question, answer = (_clause(one, 0, places.tongue) for one in (asked, sentence.text))
            if answer.words and not CHOICE.search(asked) and not DENIES.search(sentence.text):
                if answer.words <= question.words:
                    yield Finding("no_answer", sentence.text)
                elif places.known(answer.words) <= question.words:
                    yield Finding("answer_unfounded", sentence.text)
            found = [_answering(question, clause) for clause in found]
        elif copies.is_exchanged(sentence):
            yield Finding("words_exchanged", sentence.text)
        asked = ""
        for clause in found:
            if defect := _misplaced(clause, places):
                yield Finding(defect, clause.text)


def clauses(of: Iterable[Sentence], tongue: str) -> Iterator[Clause]:
    """The clauses of sentences; what has fewer than two content words belongs to the clause behind it."""
    for number, sentence in enumerate(of):
        cuts = [0, *(one.start() for one in CLAUSE.finditer(sentence.text)), len(sentence.text)]
        start, done = 0, list[Clause]()
        for end in cuts[1:]:
            clause = _clause(sentence.text[start:end], number, tongue)
            if len(clause.words) >= FEWEST_IN_CLAUSE and any(word[0] != AMOUNT for word in clause.words):
                done.append(clause)
                start = end
        if start < len(sentence.text):  # too short a rest goes with the clause before it
            rest = _clause(sentence.text[start:], number, tongue)
            done[-1:] = [_joined(done[-1], rest)] if done else [rest]
        yield from done


def _clause(text: str, sentence: int, tongue: str) -> Clause:
    amounts = tuple(
        frozenset(amount for reading in one.readings for amount in reading.amounts)
        for one in numbers(text, tongue)
        if not one.is_seldom
    )
    words = frozenset(content(text)).union(*({f"{AMOUNT}{amount}" for amount in one} for one in amounts))
    return Clause(text.strip(), sentence, words, amounts, tuple(frozenset({one.value}) for one in _names(text, tongue)))


def _names(text: str, tongue: str) -> Iterator[Name]:
    """Names but months, which stand wherever a date is put."""
    if not is_chinese(text):
        found = german_names(text) if tongue == "de" else names(text)
        yield from (one for one in found if one.value not in MONTHS)


def _joined(one: Clause, other: Clause) -> Clause:
    return Clause(
        f"{one.text} {other.text}".strip(),
        one.sentence,
        one.words | other.words,
        one.amounts + other.amounts,
        one.names + other.names,
    )


def _answering(question: Clause, answer: Clause) -> Clause:
    """Question and answer as one claim, with the items that only the answer gives."""
    return Clause(
        f"{question.text} {answer.text}",
        answer.sentence,
        question.words | answer.words,
        tuple(one for one in answer.amounts if one not in question.amounts),
        tuple(one for one in answer.names if one not in question.names),
    )


def _misplaced(claim: Clause, places: Places) -> str:
    words = places.known(claim.words)
    if len(words) < 2 or not places.clauses:
        return ""
    if any(
        _is_elsewhere(items, words, [getattr(one, kind) for one in places.clauses], places)
        for kind, items in (("amounts", claim.amounts), ("names", claim.names))
    ):
        return "item_elsewhere"
    others = sum(word[0] != AMOUNT for word in claim.words - words)
    if len(words) + others >= FEWEST_WORDS and places.nearest(words) < TOGETHER * (
        places.weight(words) + OTHER * others
    ):
        return "words_scattered"
    return ""


def _is_elsewhere(items: Items, words: frozenset[str], held: Sequence[Items], places: Places) -> bool:
    """Whether a clause that holds other items than the claim's stands nearer to its words than one of the claim's."""
    said = frozenset().union(*items)
    for item in items:
        around = frozenset(word for word in words if word[0] != AMOUNT) - frozenset(content(" ".join(item)))
        mine, others = list[float](), [0.0]
        for place, here in enumerate(held):
            if any(item & one for one in here):
                mine.append(places.near(around, place))
            elif any(not said & one for one in here):
                others.append(places.near(around, place))
        if mine and max(others) > NEARER * max(mine):
            return True
    return False
