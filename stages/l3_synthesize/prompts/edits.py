"""The edit lane: the model does not write the text again, it says what to delete or replace in numbered lines.

One operation a line, and nothing else in the answer:

    keep                        the text is good as it is (alone)
    delete 3                    line 3
    delete 3-5                  lines 3 to 5
    replace 4 "old" -> "new"    in line 4, which holds `old` exactly once; `""` as new deletes it

Both strings are JSON strings. Operations refer to the numbers that were shown, whatever comes before them, and are
applied at once; nothing is executed. What is wrong with a program refuses the whole of it, each with its own reason:

| reason               | what it means                                             | value, threshold        |
|----------------------|-----------------------------------------------------------|-------------------------|
| edit_none            | no operation                                              |                         |
| edit_unreadable      | a line that is no operation                               | number of that line     |
| edit_kept            | `keep`: nothing new to store; the source is good          |                         |
| edit_keep_and_more   | `keep` beside other operations                            |                         |
| edit_bad_line        | a line number that the text does not have                 | that number, lines      |
| edit_twice           | a line deleted twice, or deleted and edited               | that number             |
| edit_target_missing  | the line does not hold what is to be replaced             | that line               |
| edit_target_repeated | the line holds it more than once                          | that line               |
| edit_overlap         | two replacements touch the same characters of a line      | that line               |
| edit_no_change       | a replacement by itself                                   | that line               |
| edit_looping         | the same operation again                                  | number of that line     |
| edit_removes_all     | more of the characters are gone than `max_removed`        | share, max_removed      |

Blank lines are kept and have no number.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.steps import Reason
from stages.l3_synthesize.prompts.form import Form, lines_of

STRING = r'"(?:[^"\\]|\\.)*+"'
DELETE = re.compile(r"delete\s+(\d{1,6})(?:\s*-\s*(\d{1,6}))?")
REPLACE = re.compile(rf"replace\s+(\d{{1,6}})\s+({STRING})\s*->\s*({STRING})")


@dataclass(frozen=True, slots=True)
class Replace:
    line: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Program:
    """What a program says, as it was read."""

    delete: frozenset[int] = frozenset()
    replace: tuple[Replace, ...] = ()


class Edits(Form):
    """Operations on numbered lines; the text is the document after them."""

    kind: Literal["edits"] = "edits"
    joint: ClassVar[str] = "\n"
    max_removed: float = Field(0.8, gt=0, lt=1)
    """Share of the characters that a program may delete."""
    needs: ClassVar[tuple[str, ...]] = ("delete", "replace", "keep")

    def show(self, document: str) -> str:
        number, shown = 0, []
        for line in document.splitlines():
            number += bool(line.strip())
            shown.append(f"{number}: {line}" if line.strip() else line)
        return "\n".join(shown)

    def read(self, answer: str, source: str) -> str | Reason:
        program = parse(answer)
        if isinstance(program, Reason):
            return program
        text = apply(program, source)
        if isinstance(text, Reason):
            return text
        removed = 1 - len(text) / len(source)
        return text if removed <= self.max_removed else Reason("edit_removes_all", removed, self.max_removed)

    def stored(self) -> dict[str, Any]:
        return {"kind": "prose"}

    def named(self) -> tuple[str, ...]:
        return self.needs


def parse(answer: str) -> Program | Reason:
    """The operations of an answer, or the first thing wrong with it."""
    lines = lines_of(answer)
    if not lines:
        return Reason("edit_none")
    if "keep" in lines:
        return Reason("edit_kept" if lines == ["keep"] else "edit_keep_and_more")
    delete: set[int] = set()
    replace: dict[Replace, None] = {}
    for place, line in enumerate(lines, 1):
        if found := DELETE.fullmatch(line):
            first, last = int(found[1]), int(found[2] or found[1])
            if first > last:
                return Reason("edit_bad_line", last, first)
            numbers = range(first, last + 1)
            if again := delete.intersection(numbers):
                return Reason("edit_twice", min(again))
            delete.update(numbers)
        elif found := REPLACE.fullmatch(line):
            try:
                operation = Replace(int(found[1]), json.loads(found[2]), json.loads(found[3]))
            except ValueError:
                return Reason("edit_unreadable", place)
            if operation in replace:
                return Reason("edit_looping", place)
            replace[operation] = None
        else:
            return Reason("edit_unreadable", place)
    return Program(frozenset(delete), tuple(replace))


def apply(program: Program, source: str) -> str | Reason:
    """The text after all operations, or the first that cannot be done."""
    lines = source.splitlines()
    places = {number: place for number, place in enumerate((n for n, line in enumerate(lines) if line.strip()), 1)}
    wrong = sorted({*program.delete, *(one.line for one in program.replace)} - set(places))
    if wrong:
        return Reason("edit_bad_line", wrong[0], len(places))
    edited = dict.fromkeys(one.line for one in program.replace)
    if both := program.delete.intersection(edited):
        return Reason("edit_twice", min(both))
    for number in edited:
        line = lines[places[number]]
        changed = _replace(line, [one for one in program.replace if one.line == number])
        if isinstance(changed, Reason):
            return changed
        lines[places[number]] = changed
    gone = {places[number] for number in program.delete}
    return "\n".join(line for place, line in enumerate(lines) if place not in gone).strip()


def _replace(line: str, operations: list[Replace]) -> str | Reason:
    spans = []
    for one in operations:
        if one.old == one.new:
            return Reason("edit_no_change", one.line)
        start = line.find(one.old) if one.old else -1
        if start < 0:
            return Reason("edit_target_missing", one.line)
        if line.find(one.old, start + 1) >= 0:
            return Reason("edit_target_repeated", one.line)
        spans.append((start, start + len(one.old), one.new))
    spans.sort()
    if any(before[1] > after[0] for before, after in itertools.pairwise(spans)):
        return Reason("edit_overlap", operations[0].line)
    for start, end, new in reversed(spans):
        line = line[:start] + new + line[end:]
    return line
