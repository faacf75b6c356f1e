"""The forms that an answer may have, and the text that is in it.

A form is data: its prompt's file names it, each row carries it in the column `form`, and L4 checks the row against it
with code of its own.

| kind  | the answer                                                   | settings           |
|-------|--------------------------------------------------------------|--------------------|
| prose | the text itself                                              |                    |
| pairs | questions with answers, in lines that begin with two labels  | question, answer   |
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.steps import Reason


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def read(self, answer: str) -> str | Reason:
        """The text of an answer, without its envelope, or why it has none."""
        raise NotImplementedError

    def runs(self, text: str) -> list[list[str]]:
        """The lines of a text in groups that may share words: a loop is looked for inside each."""
        return [[line.strip() for line in text.splitlines() if line.strip()]]


class Prose(Form):
    """The whole answer is the text. Quotation marks around all of it are envelope."""

    kind: Literal["prose"] = "prose"

    def read(self, answer: str) -> str | Reason:
        text = answer.strip()
        for opening, closing in ('""', "\u201c\u201d"):
            if len(text) > 1 and text[0] == opening and text[-1] == closing:
                inner = text[1:-1]
                if opening not in inner and closing not in inner:
                    text = inner.strip()
        return text or Reason("empty")


class Pairs(Form):
    """Question and answer lines in one form, pairs parted by an empty line.

    A line in front of the first question is left out, one behind an answer belongs to that answer, and of pairs with
    one question the first stays. The whole reply is `off_format` if it has no pair, a question without an answer, or
    one that only repeats the question.
    """

    kind: Literal["pairs"] = "pairs"
    question: str = "Question"
    answer: str = "Answer"

    def read(self, answer: str) -> str | Reason:
        is_question, is_answer = _label(self.question), _label(self.answer)
        found: list[tuple[str, str]] = []
        question: str | None = None
        for line in filter(None, map(str.strip, answer.splitlines())):
            if is_question.match(line):
                if question is not None:
                    return Reason("off_format")
                question = is_question.sub("", line)
            elif is_answer.match(line):
                if not question:
                    return Reason("off_format")
                found.append((question, is_answer.sub("", line)))
                question = None
            elif question is not None:
                return Reason("off_format")
            elif found:
                found[-1] = (found[-1][0], f"{found[-1][1]} {line}".strip())
        if question is not None or not found or not all(reply and reply != asked for asked, reply in found):
            return Reason("off_format")
        kept: dict[str, str] = {}
        for asked, reply in found:
            kept.setdefault(asked, reply)
        return "\n\n".join(f"{self.question}: {asked}\n{self.answer}: {reply}" for asked, reply in kept.items())

    def runs(self, text: str) -> list[list[str]]:
        """Questions and answers apart: an answer may well take up the words of its question."""
        is_question, is_answer = _label(self.question), _label(self.answer)
        (lines,) = super().runs(text)
        questions = [is_question.sub("", line) for line in lines if is_question.match(line)]
        return [questions, [is_answer.sub("", line) for line in lines if not is_question.match(line)]]


AnyForm = Annotated[Prose | Pairs, Field(discriminator="kind")]


def _label(word: str) -> re.Pattern[str]:
    """A label as models write it: numbered, in bold, as its first letter, with any colon."""
    short = f"|{re.escape(word[0])}" if word.isascii() else ""
    return re.compile(rf"^\W*(?:{re.escape(word)}{short})(?:\s*\d+)?[^\w:\uff1a]*[:\uff1a][\s*]*", re.IGNORECASE)
