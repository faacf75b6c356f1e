"""Is a model's answer a text, or what went wrong? English lexicons; every check gives one reason.

| reason          | what it means                                                    | value, threshold              |
|-----------------|------------------------------------------------------------------|-------------------------------|
| truncated       | the model ran into its limit, or left a code fence open          | tokens generated, limit       |
| role_leak       | role names or special tokens in the text                         |                               |
| reasoning_leak  | the rest of a reasoning block                                    |                               |
| refusal         | the model declines or speaks about itself as a model             |                               |
| preamble        | it announces the text instead of only writing it                 |                               |
| closer          | it takes leave                                                   |                               |
| about_the_text  | "The text discusses …": who reads the rewrite has no such text   |                               |
| prompt_leak     | seven words of the instruction in a row                          |                               |
| off_format      | the envelope of the prompt is broken (found by its parser)       |                               |
| language        | another script than the passage's                                | share of foreign letters, max |
| length_ratio    | much shorter or longer than the passage                          | words out / words in, bound   |
| repetition      | loops (Gopher's rules, and how well it compresses)               | share, max                    |
| copy            | the passage itself                                               | 13-gram containment, max      |

A phrase that the passage holds too is no evidence against the answer: a letter may well say "I'm sorry, but".
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

from pipeline.steps import Reason, Reply
from stages.l3_synthesize.prompts import ANSWER, QUESTION, Prompt

ROLE = re.compile(
    r"<\|[a-z_]+\|>|\[/?INST\]|</s>|^(?:assistant|user|system)\s*(?::\s*)?$", re.IGNORECASE | re.MULTILINE
)
REASONING = re.compile(r"</?think", re.IGNORECASE)
REFUSAL = re.compile(
    r"\b(?:as an ai\b|as a (?:large )?language model\b|i(?:'m| am) (?:just )?an? (?:ai|language model)\b|"
    r"i(?:'m| am) (?:sorry|unable|not able)\b[^.\n]{0,40}\b(?:but|to)\b|i (?:cannot|can't|can not) "
    r"(?:help|assist|provide|rewrite|fulfil|answer|access|create)\b)",
    re.IGNORECASE,
)
REFUSAL_CHARS = 200  # a refusal comes first; later the words may belong to a quotation
# An announcement names the artefact and ends at a boundary: "Here is the deposit schedule for May." is a sentence.
REWRITTEN = r"(?:re-?writ\w+|rephras\w+|paraphras\w+|reworded|revised|simplified)"
PREAMBLE = re.compile(
    rf"\A\s*(?:(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem)(?=\s*[,!:.\n])"
    rf"|(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n.!?:]{{0,60}}"
    rf"\b(?:{REWRITTEN}|summary|version|questions?|pairs?)\b[^\n.!?:]{{0,60}}[:!\n]"
    rf"|(?:the )?{REWRITTEN}(?: text| passage| version)?\s*[:\n])",
    re.IGNORECASE,
)
CLOSER = re.compile(
    r"^\W*(?:(?:please )?let me know\b|i hope (?:this|that|it) (?:helps|meets)\b|"
    r"(?:please )?feel free to (?:ask|reach|let)\b|is there anything else\b|"
    r"if you have any (?:other |further |more )?questions\b|note that i have\b|"
    r"this (?:rewritten|revised|rephrased) (?:text|version|passage)\b)",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"\b(?:the|this) (?:given |provided |following |original |above )?(?:text|passage)\b"
    r"|\A\W*(?:the|this) (?:article|document|author|writer) (?:is about|discuss\w*|describ\w+|provid\w+|highlight\w*|"
    r"explain\w*|explor\w+|present\w*|mention\w*|argu\w+|talk\w*|cover\w*|outlin\w+)\b",
    re.IGNORECASE,
)
LEAK_WORDS = 7
MAX_FOREIGN = 0.10  # share of letters outside Latin, over that of the passage
MAX_COPY = 0.80
# Rae et al. 2021 (Gopher), table A1: share of characters in the most frequent n-gram, then in n-grams that repeat. Its
# documents have 50 words or more; three short questions that begin alike are no loop.
NGRAMS_FROM_WORDS = 50
MAX_TOP_NGRAM = {2: 0.20, 3: 0.18, 4: 0.16}
MAX_REPEATED_NGRAM = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
MAX_REPEATED_LINES = 0.30
MIN_COMPRESSED, COMPRESSED_FROM_BYTES = 0.12, 200  # plain text of 40 characters already gives 1.2
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def reason_to_refuse(prompt: Prompt, source: str, reply: Reply, text: str | Reason) -> Reason | None:
    """The first thing wrong with an answer, or None. `text` is what the prompt's parser made of it."""
    if reply.finish_reason == "length":
        return Reason("truncated", reply.completion_tokens, reply.completion_tokens)
    if reply.text.count("```") % 2:
        return Reason("truncated")
    answer = reply.text.strip()
    if found := _phrase(answer, source):
        return Reason(found)
    if _leaks(prompt, source, answer):
        return Reason("prompt_leak")
    if isinstance(text, Reason):
        return text
    return _language(source, text) or _length(prompt, source, text) or _repetition(text) or _copy(prompt, source, text)


def _phrase(answer: str, source: str) -> str | None:
    last_line = answer.rpartition("\n")[2].strip()
    last_sentence = re.split(r"(?<=[.!?])\s+", last_line)[-1] if last_line else ""
    if ROLE.search(answer) and not ROLE.search(source):
        return "role_leak"
    searches = [
        ("reasoning_leak", REASONING.search(answer)),
        ("refusal", REFUSAL.search(answer[:REFUSAL_CHARS])),
        ("preamble", PREAMBLE.match(answer)),
        ("closer", CLOSER.match(last_line) or CLOSER.match(last_sentence)),
        ("about_the_text", ABOUT.search(answer)),
    ]
    for rule, match in searches:
        if match and match[0].strip().lower() not in source.lower():
            return rule
    return None


def _leaks(prompt: Prompt, source: str, answer: str) -> bool:
    instruction = _ngrams(_words(prompt.system), LEAK_WORDS) + _ngrams(_words(prompt.instruction), LEAK_WORDS)
    said = set(_ngrams(_words(answer), LEAK_WORDS))
    return bool(said & set(instruction) - set(_ngrams(_words(source), LEAK_WORDS)))


def _language(source: str, text: str) -> Reason | None:
    added = _foreign(text) - _foreign(source)
    return Reason("language", added, MAX_FOREIGN) if added > MAX_FOREIGN else None


def _foreign(text: str) -> float:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(letter > "\u024f" for letter in letters) / max(len(letters), 1)  # Latin Extended-B ends there


def _length(prompt: Prompt, source: str, text: str) -> Reason | None:
    ratio = len(_words(text)) / max(len(_words(source)), 1)
    if ratio < prompt.min_ratio:
        return Reason("length_ratio", ratio, prompt.min_ratio)
    return Reason("length_ratio", ratio, prompt.max_ratio) if ratio > prompt.max_ratio else None


def _repetition(text: str) -> Reason | None:
    """Questions and answers are judged apart: an answer may well take up the words of its question."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    questions = [QUESTION.sub("", line) for line in lines if QUESTION.match(line)]
    others = [ANSWER.sub("", line) for line in lines if not QUESTION.match(line)]
    return next(filter(None, map(_loops, filter(None, (questions, others)))), None)


def _loops(lines: list[str]) -> Reason | None:
    share = 1 - len(set(lines)) / len(lines)
    if share > MAX_REPEATED_LINES:
        return Reason("repetition", share, MAX_REPEATED_LINES)
    data = "\n".join(lines).encode()
    compressed = len(zlib.compress(data)) / len(data)
    if len(data) >= COMPRESSED_FROM_BYTES and compressed < MIN_COMPRESSED:
        return Reason("repetition", compressed, MIN_COMPRESSED)
    words = _words(" ".join(lines))
    return _repeated_ngrams(words) if len(words) >= NGRAMS_FROM_WORDS else None


def _repeated_ngrams(words: list[str]) -> Reason | None:
    chars = sum(map(len, words))
    for n, limit in MAX_TOP_NGRAM.items():
        ngram, count = Counter(_ngrams(words, n)).most_common(1)[0]
        share = sum(map(len, ngram)) * count / chars
        if count > 1 and share > limit:
            return Reason("repetition", share, limit)
    for n, limit in MAX_REPEATED_NGRAM.items():
        share = _repeated_chars(words, n) / chars
        if share > limit:
            return Reason("repetition", share, limit)
    return None


def _repeated_chars(words: list[str], n: int) -> int:
    """Characters in n-grams seen before; overlapping ones are not counted twice."""
    seen: set[tuple[str, ...]] = set()
    repeated = start = 0
    while start + n <= len(words):
        ngram = tuple(words[start : start + n])
        if ngram in seen:
            repeated += sum(map(len, ngram))
            start += n
        else:
            seen.add(ngram)
            start += 1
    return repeated


def _copy(prompt: Prompt, source: str, text: str) -> Reason | None:
    ngrams = set(_ngrams(_words(text), 13))
    if not prompt.rewrites or not ngrams:
        return None
    share = len(ngrams & set(_ngrams(_words(source), 13))) / len(ngrams)
    return Reason("copy", share, MAX_COPY) if share > MAX_COPY else None


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))
