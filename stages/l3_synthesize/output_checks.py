"""Is a model's answer a text, or what went wrong? Every check gives one reason.

| reason          | what it means                                                    | value, threshold              |
|-----------------|------------------------------------------------------------------|-------------------------------|
| withheld        | a server's own filter, or its limit on time, ended the answer    |                               |
| oversized       | a server's answer is many times longer than was asked for        | characters kept of it         |
| truncated       | the model ran into its limit, or left a code fence open          | tokens generated, limit       |
| role_leak       | role names or the marks of a chat format in the text             |                               |
| reasoning_leak  | the rest of a reasoning block                                    |                               |
| refusal         | the model declines or speaks about itself as a model             |                               |
| preamble        | it announces the text instead of only writing it                 |                               |
| closer          | it takes leave                                                   |                               |
| about_the_text  | "The text discusses …": who reads the rewrite has no such text   |                               |
| prompt_leak     | seven words of the instruction in a row, or its code             |                               |
| off_format      | the envelope of the prompt is broken (found by its form)         | parts found, min              |
| edit_…          | an edit program that cannot be applied (prompts/edits.py)        |                               |
| language        | another language than the passage's, or another script           | share of its words, max       |
| length_ratio    | much shorter or longer than the passage                          | words out / words in, bound   |
| repetition      | loops (Gopher's rules, and how well it compresses)               | share, max                    |
| copy            | the passage itself                                               | 13-gram containment, max      |
| repeats_sibling | nearly what was accepted before from the same parent             | Jaccard of 5-grams, max       |

A phrase that the passage holds too is no evidence against the answer: a letter may well say "I'm sorry, but". A role
mark is, whatever the passage holds: no text for training may bring control tokens along.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.kernels.classifier.languages import languages_of
from pipeline.kernels.utf8 import Array
from pipeline.kernels.words.grams import any_only_in, gram_keys, most_frequent, repeated_characters, share_found
from pipeline.steps import Reason, Reply
from stages.l3_synthesize.lexicons import (
    ABOUT,
    ABOUT_WORDS,
    CLOSER,
    OPENS_ABOUT,
    PREAMBLE,
    REASONING,
    ROLE,
    ROLE_WORDS,
    search,
    search_refusal,
)
from stages.l3_synthesize.passage import LONG_SENTENCE
from stages.l3_synthesize.prompts.prompt import Prompt
from stages.l3_synthesize.words import count_words, ngram_size, numbers

REFUSAL_CHARS = 200  # a refusal comes first; later the words may belong to a quotation
LEAK_WORDS = 7
MAX_FOREIGN = 0.25  # share of letters in scripts of which the passage has less; names are often in another one
SURE_OF_LANGUAGE, LANGUAGE_FROM_WORDS = 0.6, 20
KEPT_LANGUAGES = 4_000
"""Texts whose language is remembered, the replies of a batch and their sources: some 10 MB."""
ASCII = re.compile("[\x00-\x7f]+")
LETTER = re.compile("[A-Za-z]")
NO_LETTERS = bytes(code for code in range(256) if code >= 128 or not chr(code).isalpha())
HAN_WEIGHT = 3
"""Letters that say as much as a Chinese character: 4.7 of an English word over 1.6 of a Chinese one."""
NO_GRAMS = np.empty(0, np.uint64)
TWICE_WORDS = 8
STARTS = ".!?:;\n\u3002\uff01\uff1f\uff1a\uff1b"
MAX_COPY, COPY_WORDS = 0.80, 13
MAX_SIBLING, SIBLING_WORDS = 0.80, 5
# Rae et al. 2021 (Gopher), table A1: share of characters in the most frequent n-gram, then in n-grams that repeat. Its
# documents have 50 words or more; three short questions that begin alike are no loop.
NGRAMS_FROM_WORDS = 50
MAX_TOP_NGRAM = {2: 0.20, 3: 0.18, 4: 0.16}
MAX_REPEATED_NGRAM = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
MAX_REPEATED_LINES = 0.30
MIN_COMPRESSED, COMPRESSED_FROM_BYTES = 0.12, 200  # plain text of 40 characters already gives 1.2
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")
BEFORE_SENTENCE = re.compile(r"[.!?]\s|[\u3002\uff01\uff1f]")
"""Ends where the same does, up to white space, and does not look back at every place, which costs most."""


def reason_to_refuse(
    prompt: Prompt, source: str, reply: Reply, text: str | Reason, siblings: Sequence[str] = ()
) -> Reason | None:
    """The first thing wrong with an answer, or None. `text` is what the prompt's form made of it."""
    if reply.finish_reason == "length":
        return Reason("truncated", reply.completion_tokens, reply.completion_tokens)
    if reply.finish_reason == "oversized":
        return Reason("oversized", len(reply.text))
    if reply.finish_reason != "stop":
        return Reason("withheld")
    if reply.text.count("```") % 2:
        return Reason("truncated")
    answer = reply.text.strip()
    # The text too: edits leave the document's own lines, which the answer does not show.
    if search(ROLE, ROLE_WORDS, answer) or (text != answer and search(ROLE, ROLE_WORDS, text)):
        return Reason("role_leak")
    if (thought := REASONING.search(answer)) and thought[0].lower() not in source.lower():
        return Reason("reasoning_leak")
    if _leaks(prompt, source, answer):
        return Reason("prompt_leak")
    # What a model thinks in front of its tags is no part of the text, and may well be about it.
    told = text if prompt.form.kind == "tagged" and not isinstance(text, Reason) else answer
    if found := speaks_around(told.strip(), source):
        return Reason(found)
    if isinstance(text, Reason):
        return text
    return (
        _language(source, text) or _length(prompt, source, text) or _repetition(prompt, source, text)
        or _copy(prompt, source, text) or repeats_sibling(text, siblings)
    )  # fmt: skip


def speaks_around(answer: str, source: str) -> str | None:
    """The check that an answer fails for words that are not of the text but about it, or None."""
    last_line = answer.rpartition("\n")[2].strip()
    last_sentence = _last_sentence(last_line)
    searches = [
        ("refusal", search_refusal(answer[:REFUSAL_CHARS])),
        ("preamble", PREAMBLE.match(answer)),
        ("closer", CLOSER.match(last_line) or CLOSER.match(last_sentence)),
        ("about_the_text", OPENS_ABOUT.match(answer) or search(ABOUT, ABOUT_WORDS, answer)),
    ]
    for rule, match in searches:
        if match and not _says(source, match[0], rule in ("preamble", "closer")):
            return rule
    return None


def _last_sentence(line: str) -> str:
    """Looked for in the line's end first: a paragraph has many sentences."""
    for end in (line[-LONG_SENTENCE:], line):
        for match in reversed(list(BEFORE_SENTENCE.finditer(end))):
            if sentence := end[match.end() :].strip():
                return sentence
    return line


def _says(source: str, phrase: str, at_start: bool) -> bool:
    """Whether the source has the phrase too, not inside a longer word, and if `at_start` as a sentence's beginning."""
    phrase, source = phrase.strip("\"'*_#> \n").lower(), source.lower()
    at = source.find(phrase)
    while at >= 0:
        before, after = (
            source[max(at - 8, 0) : at].rstrip("\"'\u201c\u300c "),
            source[at + len(phrase) : at + len(phrase) + 1],
        )
        inside = phrase.isascii() and (source[at - 1 : at].isalnum() or after.isalnum())
        if not inside and (not at_start or not before or before[-1] in STARTS):
            return True
        at = source.find(phrase, at + 1)
    return False


def _leaks(prompt: Prompt, source: str, answer: str) -> bool:
    if prompt.code and prompt.code in answer:
        return True
    n = ngram_size(prompt.system, LEAK_WORDS)
    said, known = gram_keys(numbers(answer)[0], n), _instruction(prompt.system, prompt.user, n)
    if not any_only_in(said, known, NO_GRAMS):  # nearly always
        return False
    return bool(any_only_in(said, known, gram_keys(numbers(source)[0], n)))


@functools.lru_cache(maxsize=256)
def _instruction(system: str, user: str, n: int) -> Array:
    return np.unique(np.concatenate([gram_keys(numbers(one)[0], n) for one in (system, user)]))


def _language(source: str, text: str) -> Reason | None:
    wanted, found = _scripts(source), _scripts(text)
    foreign = sum(max(share - wanted[script], 0) for script, share in found.items())
    if foreign > MAX_FOREIGN:
        return Reason("language", foreign, MAX_FOREIGN)
    if min(count_words(source), count_words(text)) < LANGUAGE_FROM_WORDS:
        return None
    (asked, is_sure), (given, how_sure) = LANGUAGES.of([source, text])
    differs = asked != given and min(is_sure, how_sure) > SURE_OF_LANGUAGE
    return Reason("language", how_sure, SURE_OF_LANGUAGE) if differs else None


def _scripts(text: str) -> defaultdict[str, float]:
    """Script → share of what is written, a Chinese character counted as HAN_WEIGHT letters."""
    if text.isascii():
        return defaultdict(float, {"LATIN": 1.0} if LETTER.search(text) else {})
    counts: defaultdict[str, float] = defaultdict(float)
    counts["LATIN"] += len(text.encode("utf-8", "surrogatepass").translate(None, NO_LETTERS))
    for letter, count in Counter(ASCII.sub("", text)).items():
        if letter.isalpha():
            script = _script(letter)
            counts[script] += count * (HAN_WEIGHT if script == "CJK" else 1)
    total = sum(counts.values())
    return defaultdict(float, {script: count / total for script, count in counts.items() if count})


@functools.cache  # as many as there are letters
def _script(letter: str) -> str:
    return re.split("[ -]", unicodedata.name(letter, "unknown"))[0]


class Languages:
    """The languages of texts, each asked for once: one by one a text costs 20 times what it does in a batch."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}

    def of(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(code, probability) of each text."""
        found = {text: known for text in texts if (known := self._known.get(text)) is not None}
        unknown = list(dict.fromkeys(text for text in texts if text not in found))
        if unknown:
            found |= zip(unknown, languages_of(unknown), strict=True)
            if len(self._known) > KEPT_LANGUAGES:
                self._known = {}
            self._known |= found
        return [found[text] for text in texts]


LANGUAGES = Languages()


def _length(prompt: Prompt, source: str, text: str) -> Reason | None:
    ratio = count_words(text) / max(count_words(source), 1)
    if ratio < prompt.min_ratio:
        return Reason("length_ratio", ratio, prompt.min_ratio)
    return Reason("length_ratio", ratio, prompt.max_ratio) if ratio > prompt.max_ratio else None


def _repetition(prompt: Prompt, source: str, text: str) -> Reason | None:
    if reason := _said_twice(text, source):
        return reason
    return next(filter(None, map(_loops, filter(None, prompt.form.runs(text)))), None)


def _said_twice(text: str, source: str) -> Reason | None:
    """A long sentence word for word again, which the source does not do: too short a loop for shares of n-grams."""
    words, lengths = numbers(text)
    if most_frequent(words, lengths, TWICE_WORDS)[0] < 2:  # in every script a sentence of so many words has more units
        return None
    seen: set[str] = set()
    for sentence in filter(None, map(str.strip, SENTENCE_END.split(text))):
        if sentence in seen and count_words(sentence) >= TWICE_WORDS and source.count(sentence) < 2:
            return Reason("repetition", 2, 1)
        seen.add(sentence)
    return None


def _loops(lines: list[str]) -> Reason | None:
    share = 1 - len(set(lines)) / len(lines)
    if share > MAX_REPEATED_LINES:
        return Reason("repetition", share, MAX_REPEATED_LINES)
    text = "\n".join(lines)
    data = text.encode()
    compressed = len(zlib.compress(data)) / len(data)
    if len(data) >= COMPRESSED_FROM_BYTES and compressed < MIN_COMPRESSED:
        return Reason("repetition", compressed, MIN_COMPRESSED)
    return _repeated_ngrams(text) if count_words(text) >= NGRAMS_FROM_WORDS else None


def _repeated_ngrams(text: str) -> Reason | None:
    words, lengths = numbers(text)
    chars = int(lengths.sum())
    for n, limit in MAX_TOP_NGRAM.items():
        count, size = most_frequent(words, lengths, ngram_size(text, n))
        if count == 1:
            return None  # what is longer does not repeat either
        if (share := size * count / chars) > limit:
            return Reason("repetition", share, limit)
    for n, limit in MAX_REPEATED_NGRAM.items():
        share = repeated_characters(words, lengths, ngram_size(text, n)) / chars
        if not share:
            return None
        if share > limit:
            return Reason("repetition", share, limit)
    return None


def _copy(prompt: Prompt, source: str, text: str) -> Reason | None:
    if not prompt.rewrites:
        return None
    share = share_found(numbers(text)[0], numbers(source)[0], ngram_size(text, COPY_WORDS))
    return Reason("copy", share, MAX_COPY) if share > MAX_COPY else None


def repeats_sibling(text: str, siblings: Sequence[str]) -> Reason | None:
    """Texts too short for an n-gram are compared as they are."""
    if not siblings:
        return None
    mine = _shingles(text)
    for other in map(_shingles, siblings):
        both = len(np.intersect1d(mine, other, assume_unique=True))
        alike = both / (len(mine) + len(other) - both)
        if alike > MAX_SIBLING:
            return Reason("repeats_sibling", alike, MAX_SIBLING)
    return None


def _shingles(text: str) -> Array:
    words = numbers(text)[0]
    return np.unique(gram_keys(words, min(ngram_size(text, SIBLING_WORDS), len(words))))
