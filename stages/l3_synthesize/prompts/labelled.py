"""Answers whose lines begin with labels: pairs of questions and answers, a conversation, the parts of a task.

A label is read as models write it (numbered, in bold, with any colon; that of a pair also as its first letter) and
written in one way.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.steps import Reason
from stages.l3_synthesize.prompts.form import OFF_FORMAT, Form, lines_of


class Pairs(Form):
    """Question and answer lines in one form, pairs parted by an empty line.

    A line in front of the first question is left out, one behind an answer belongs to that answer, and of pairs with
    one question the first stays. The whole reply is `off_format` if it has fewer than `minimum` pairs, a question
    without an answer, or one that only repeats the question.
    """

    kind: Literal["pairs"] = "pairs"
    joint: ClassVar[str] = "\n\n"
    question: str = "Question"
    answer: str = "Answer"
    minimum: int = Field(1, ge=1)

    def read(self, answer: str, source: str = "") -> str | Reason:
        parts = _parts(answer, (self.question, self.answer), short=True)
        questions, answers = parts[::2], parts[1::2]
        labels = [label for label, _ in parts]
        if labels != [self.question, self.answer] * len(answers):
            return Reason(OFF_FORMAT)
        if any("\n" in asked for _, asked in questions):
            return Reason(OFF_FORMAT)
        kept: dict[str, str] = {}
        for (_, asked), (_, reply) in zip(questions, answers, strict=True):
            if not asked or not reply or reply == asked:
                return Reason(OFF_FORMAT)
            kept.setdefault(asked, " ".join(reply.split("\n")))
        if len(kept) < self.minimum:
            return Reason(OFF_FORMAT, len(kept), self.minimum)
        return "\n\n".join(f"{self.question}: {asked}\n{self.answer}: {reply}" for asked, reply in kept.items())

    def runs(self, text: str) -> list[list[str]]:
        """Questions and answers apart: an answer may well take up the words of its question."""
        parts = _parts(text, (self.question, self.answer), short=True)
        return [[content for one, content in parts if one == label] for label in (self.question, self.answer)]

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"minimum"})

    def named(self) -> tuple[str, ...]:
        return (self.question, self.answer)


class Turns(Form):
    """Two speakers in turns: the first begins, the second has the last word, and nobody's turn is empty.

    Lines without a label belong to the turn that they follow. What stands in front of the first turn is left out.
    """

    kind: Literal["turns"] = "turns"
    joint: ClassVar[str] = "\n\n"
    first: str
    second: str
    minimum: int = Field(4, ge=2)
    """Turns of both."""

    def read(self, answer: str, source: str = "") -> str | Reason:
        parts = _parts(answer, (self.first, self.second))
        wanted = list(itertools.islice(itertools.cycle((self.first, self.second)), len(parts)))
        if [speaker for speaker, _ in parts] != wanted or len(parts) % 2 or not all(said for _, said in parts):
            return Reason(OFF_FORMAT)
        if len(parts) < self.minimum:
            return Reason(OFF_FORMAT, len(parts), self.minimum)
        return "\n\n".join(f"{speaker}: {said}" for speaker, said in parts)

    def runs(self, text: str) -> list[list[str]]:
        parts = _parts(text, (self.first, self.second))
        return [[line for one, said in parts if one == speaker for line in lines_of(said)]
                for speaker in (self.first, self.second)]  # fmt: skip

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"minimum"})

    def named(self) -> tuple[str, ...]:
        return (self.first, self.second)


class Labelled(Form):
    """Parts under their labels, each once, in order and not empty: a problem, its solution, its answer.

    verifier: how a program checks the last part as the answer to the first (`math_answer`); the row then has a `task`.
    """

    kind: Literal["labelled"] = "labelled"
    labels: tuple[str, ...] = Field(min_length=2)
    verifier: Literal["", "math_answer"] = ""

    def read(self, answer: str, source: str = "") -> str | Reason:
        parts = _parts(answer, self.labels)
        if tuple(label for label, _ in parts) != self.labels or not all(content for _, content in parts):
            return Reason(OFF_FORMAT)
        return "\n\n".join(f"{label}: {content}" for label, content in parts)

    def runs(self, text: str) -> list[list[str]]:
        return [lines_of(content) for _, content in _parts(text, self.labels)]

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"verifier"})

    def task(self, text: str) -> dict[str, str] | None:
        contents = [content for _, content in _parts(text, self.labels)]
        task = {"verifier": self.verifier, "question": contents[0], "answer": contents[-1]}
        return task if self.verifier else None

    def named(self) -> tuple[str, ...]:
        return self.labels


def _parts(text: str, labels: tuple[str, ...], short: bool = False) -> list[tuple[str, str]]:
    """(label, content) in order, the lines without a label with the part that they follow."""
    is_label = _label(labels, short)
    found: list[tuple[str, list[str]]] = []
    for line in lines_of(text):
        if match := is_label.match(line):
            found.append((labels[match.lastindex - 1 if match.lastindex else 0], [line[match.end() :].strip()]))
        elif found:
            found[-1][1].append(line)
    return [(label, "\n".join(filter(None, content))) for label, content in found]


@functools.cache
def _label(labels: tuple[str, ...], short: bool) -> re.Pattern[str]:
    """One of the labels as models write them: numbered, in bold, with any colon, if `short` as first letters."""
    names = (
        f"{re.escape(word)}|{re.escape(word[0])}" if short and word.isascii() else re.escape(word) for word in labels
    )
    name = rf"(?:{'|'.join(f'({one})' for one in names)})(?:\s*\d+)?"
    return re.compile(rf"^\W*+(?:\d{{1,3}}\W++)?+{name}[^\w:\uff1a]*[:\uff1a][\s*]*", re.IGNORECASE)
