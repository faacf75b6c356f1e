"""What answers a request: the shape of an engine, and a small one that needs no model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from pipeline.steps import Fault, Reply, Request


class EngineError(Fault):
    """The engine could not start or has died. No row's fault: the run stops, and finished replies are kept."""


class Engine(Protocol):
    """A language model. `identity` names all of it that decides a reply; the ledger's keys contain it."""

    @property
    def model(self) -> str:
        """Name and revision for people, such as `smollm2-135m@b179c9523d0e`."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Name → hash of what decides a reply: weights, tokenizer, chat template."""

    def count_tokens(self, text: str) -> int: ...

    def first_tokens(self, text: str, number: int) -> int:
        """How many characters the first so many tokens of a text take; all of them if it has no more."""

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        """The same of each text: many at once cost less."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One reply for each request, in any order. A request that fails alone ends as a reply with `error`.

        Raises EngineError if the engine cannot start or has died.
        """

    def close(self) -> None:
        """End processes and free memory. A closed engine starts again when asked to generate."""


SENTENCES = re.compile(r"(?<=[.!?])\s+")
BRACKETS = re.compile(r"(?<!\s)\s*\([^()]*\)")
LEADING = re.compile(
    r"^((?:In|On|At|After|Before|During|When|Since|By|For|With|Although|If|While) [^,]+), (.+?)([.!?])$"
)
JOINED = re.compile(r"^(.+?),? (because|although|while|when|after|before|since|if) ([^,]+)([.!?])$")
VERB = re.compile(r" (?=(?:is|are|was|were|has|have|had|can|will|must|may)\b)")
LONGEST_SENTENCE = 1000
"""Characters; longer ones stay as they are, since `JOINED` takes quadratic time."""
ARTICLES = {"The", "A", "An", "This", "That", "These", "Those", "It", "He", "She", "They", "We", "His", "Her", "Its"}


class TemplateEngine:
    """Rewrites by rule instead of by a model: for tests, dry runs and machines without vLLM.

    `rephrase` drops round brackets and swaps main and subordinate clause; `question_answer` asks for what is said about
    the subject of each of the first sentences. Plain but true to the source, so that everything behind the model can
    be exercised without one.
    """

    model = "template@1"
    identity: Mapping[str, str] = MappingProxyType({"model": "template@1"})

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def first_tokens(self, text: str, number: int) -> int:
        words = text.split(maxsplit=number)
        return len(text) - len(words[number]) if len(words) > number else len(text)

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        return [self.first_tokens(text, number) for text in texts]

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            rewrite = _ask if request.prompt.startswith("question_answer") else _rephrase
            words = rewrite(request.shown).split(" ")
            limit = int(request.sampling["max_tokens"])
            yield Reply(
                request.key,
                " ".join(words[:limit]),
                "stop" if len(words) <= limit else "length",
                sum(self.count_tokens(content) for _, content in request.messages),
                min(len(words), limit),
                prompt=request.prompt,
                model=self.model,
            )

    def close(self) -> None:
        """Nothing to close."""


def _rephrase(text: str) -> str:
    return "\n".join(" ".join(map(_swap, SENTENCES.split(line))) for line in text.splitlines())


def _swap(sentence: str) -> str:
    sentence = BRACKETS.sub("", sentence)
    if len(sentence) > LONGEST_SENTENCE:
        return sentence
    if match := LEADING.match(sentence):
        before, main, end = match.groups()
        return f"{_upper(main)} {_lower(before)}{end}"
    if match := JOINED.match(sentence):
        main, conjunction, clause, end = match.groups()
        return f"{_upper(conjunction)} {clause}, {_lower(main)}{end}"
    return sentence


def _ask(text: str) -> str:
    """The answer to the opening `Question:` that the model would be given."""
    pairs = []
    for sentence in SENTENCES.split(" ".join(text.split())):
        subject, verb, _ = (*VERB.split(sentence, maxsplit=1), "", "")[:3]
        if verb and sentence.endswith((".", "!")) and len(subject.split()) <= 6:
            pairs.append(f"What is known about {_lower(subject)}?\nAnswer: {sentence}")
    return "\nQuestion: ".join(pairs[:3])


def _lower(text: str) -> str:
    """Without the capital of a sentence's first word, unless that word may be a name."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first in ARTICLES or LEADING.match(f"{text}, x.") else text


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
