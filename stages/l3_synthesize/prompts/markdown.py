"""Answers in Markdown: a table with one question about it, a list, a text under headings."""

from __future__ import annotations

import itertools
import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.steps import Reason
from stages.l3_synthesize.prompts.form import OFF_FORMAT, Form, lines_of
from stages.l3_synthesize.prompts.labelled import Pairs

RULE = re.compile(r":?-+:?")
BULLET = re.compile(r"(?:[-*+\u2022]|\d{1,3}[.)])\s+")
HEADING = re.compile(r"(#{1,6})\s+(?=\S)")


class Table(Form):
    """A table whose rows all have as many cells as its head, then one question about it with its answer.

    Nothing may stand before the table. Cells are trimmed; a `|` inside a cell is written as `\\|`.
    """

    kind: Literal["table"] = "table"
    question: str = "Question"
    answer: str = "Answer"
    min_rows: int = Field(2, ge=1)
    needs: ClassVar[tuple[str, ...]] = ("table", "Markdown")

    def read(self, answer: str, source: str = "") -> str | Reason:
        lines = lines_of(answer)
        length = next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))
        table = [_cells(line) for line in lines[:length]]
        if len(table) < 2 or len(table[0]) < 2 or not all(map(RULE.fullmatch, table[1])):
            return Reason(OFF_FORMAT)
        if any(len(row) != len(table[0]) for row in table) or not all(table[0]):
            return Reason(OFF_FORMAT)
        if len(table) - 2 < self.min_rows:
            return Reason(OFF_FORMAT, len(table) - 2, self.min_rows)
        pairs = self._pairs.read("\n".join(lines[length:]))
        if isinstance(pairs, Reason):
            return pairs
        table[1] = ["---"] * len(table[0])
        return "\n".join(f"| {' | '.join(row)} |" for row in table) + f"\n\n{pairs}"

    def runs(self, text: str) -> list[list[str]]:
        """Rows without their bars, and the question with its answer."""
        table, _, pairs = text.partition("\n\n")
        rows = [" ".join(_cells(line)) for place, line in enumerate(table.splitlines()) if place != 1]
        return [rows, *self._pairs.runs(pairs)]

    @property
    def _pairs(self) -> Pairs:
        return Pairs(question=self.question, answer=self.answer)

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"min_rows"})

    def named(self) -> tuple[str, ...]:
        return (self.question, self.answer, "|")


class Bullets(Form):
    """A list, an item a line. One line in front of the first item is left out; others belong to the item above."""

    kind: Literal["bullets"] = "bullets"
    joint: ClassVar[str] = "\n"
    minimum: int = Field(3, ge=1)
    needs: ClassVar[tuple[str, ...]] = ("list",)

    def read(self, answer: str, source: str = "") -> str | Reason:
        lines = lines_of(answer)
        items: list[str] = []
        for place, line in enumerate(lines):
            bullet = BULLET.match(line)
            if bullet:
                items.append(line[bullet.end() :])
            elif items:
                items[-1] += f" {line}"
            elif place:
                return Reason(OFF_FORMAT)
        if len(items) < self.minimum:
            return Reason(OFF_FORMAT, len(items), self.minimum)
        return "\n".join(f"- {item}" for item in items)

    def runs(self, text: str) -> list[list[str]]:
        return [[line.removeprefix("- ") for line in lines_of(text)]]

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"minimum"})


class Sections(Form):
    """A title on the first line, then sections under headings of a lower level, none of them empty."""

    kind: Literal["sections"] = "sections"
    minimum: int = Field(2, ge=1)
    """Sections below the title."""
    needs: ClassVar[tuple[str, ...]] = ("heading", "Markdown")

    def read(self, answer: str, source: str = "") -> str | Reason:
        text = answer.strip()
        lines = lines_of(text)
        levels = [len(found[1]) if (found := HEADING.match(line)) else 0 for line in lines]
        heads = list(map(bool, levels))
        if not lines or not heads[0] or heads[-1] or any(0 < level <= levels[0] for level in levels[1:]):
            return Reason(OFF_FORMAT)
        # Behind the title a heading may follow at once; anywhere else two headings in a row leave a section empty.
        if any(one and other for one, other in itertools.pairwise(heads[1:])):
            return Reason(OFF_FORMAT)
        if sum(heads) - 1 < self.minimum:
            return Reason(OFF_FORMAT, sum(heads) - 1, self.minimum)
        return text

    def runs(self, text: str) -> list[list[str]]:
        return [[HEADING.sub("", line) for line in lines_of(text)]]

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"minimum"})

    def named(self) -> tuple[str, ...]:
        return ("#",)


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", inner)]
