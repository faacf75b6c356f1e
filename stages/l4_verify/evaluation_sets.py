"""Evaluation sets as items: a question, its choices, its answer, and the passage that it is about.

A set is a JSONL file (plain or .gz), one item a line, in any of the layouts in which the usual sets are published; its
name is the file's. What is read from a line:

| part     | keys, the first that is there                                                                     |
|----------|---------------------------------------------------------------------------------------------------|
| question | question, query, prompt, problem, text, ctx, goal, sentence, input, context                        |
| choices  | choices or options (a list, or {text: [...]}), endings, sol1 and sol2, option1 and option2 ...      |
| answer   | a choice by gold, label, answer, answerKey (a number, digits, or a letter); or a text by            |
|          | answer, canonical_solution, code, solution, continuation, target, output                           |
| passage  | passage; or `Passage:` before `Question:` in the question                                          |

`Question:`, `Answer:` and a list `Choices:\\nA. ...` inside a question are taken apart. GSM8K's calculator marks
`<<48/2=24>>` are left out.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTION = ("question", "query", "prompt", "problem", "text", "ctx", "goal", "sentence", "input", "context")
ANSWER = ("answer", "canonical_solution", "code", "solution", "continuation", "target", "output")
GOLD = ("gold", "label", "answer", "answerKey", "answer_index")
NUMBERED = ((("sol1", "sol2")), ("option1", "option2"), ("A", "B", "C", "D"))
PASSAGE = re.compile(r"\s*+Passage:\s*+(?P<passage>.*)\nQuestion:", re.DOTALL)
MARKS = re.compile(r"^(?:Question|Context|Problem):\s*|\n?Answer:\s*$", re.MULTILINE)
LISTED = re.compile(r"\n(?:Choices|Options):\s*\n")
LETTERED = re.compile(r"(?m)^\(?[A-H][.):]\s*")
CALCULATOR = re.compile(r"<<[^<>\n]{0,80}>>")
MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a set."""

    set: str
    number: int
    """Line of the file, from 0."""
    part: str
    """`question`, or `passage`: the text that a question is about, which gives no answer away by itself."""
    texts: tuple[str, ...]
    """The question (or passage), then its choices or its answer."""
    answer: int
    """Which of `texts` is the answer; 0: none."""


class NoEvaluationSet(ValueError):
    """A file that holds no items in a known layout; says which line, and what is looked for."""


def set_files(paths: tuple[str, ...]) -> dict[str, Path]:
    """Name → file, for files and folders of files; ValueError for what is not there or named twice."""
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        files = sorted(file for ending in ("*.jsonl", "*.jsonl.gz") for file in path.glob(ending)) or [path]
        for file in files:
            if not file.is_file():
                raise ValueError(f"contamination: `sets` names {file}, no file and no folder with *.jsonl files")
            name = file.name.removesuffix(".gz").removesuffix(".jsonl")
            if name in found:
                raise ValueError(f"contamination: `sets` names two files '{name}': {found[name]} and {file}")
            found[name] = file
    return found


def read_set(name: str, path: Path) -> list[Item]:
    """All items of a file; NoEvaluationSet if a line is none."""
    items: list[Item] = []
    with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise NoEvaluationSet(f"contamination: {path} has more than {MOST_BYTES:,} bytes; split it")
    for number, line in enumerate(data.splitlines()):
        if line.strip():
            try:
                items += items_of(name, number, json.loads(line))
            except (ValueError, TypeError, AttributeError) as error:
                raise NoEvaluationSet(f"contamination: {path} line {number + 1}: {error}") from error
    if not items:
        raise NoEvaluationSet(f"contamination: {path} holds no items")
    return items


def items_of(name: str, number: int, row: Mapping[str, Any]) -> Iterator[Item]:
    """The question of one line, and its passage if it has one."""
    options = row.get("context_options")
    if options:  # the question is whole only with one of its options
        gold = _choice(row, len(options)) or 0
        yield Item(name, number, "question", (f"{options[gold]} {row.get('continuation', '')}",), 0)
        return
    key = next((key for key in QUESTION if isinstance(row.get(key), str) and row[key].strip()), None)
    if key is None:
        raise ValueError(f"it has none of the keys {', '.join(QUESTION)} with a text; give sets of such items")
    question, passage, choices = row[key], str(row.get("passage") or ""), _choices(row)
    if match := PASSAGE.match(question):
        passage, question = match["passage"], question[match.end() :]
    if listed := LISTED.search(question):
        choices = [text.strip() for text in LETTERED.split(MARKS.sub("", question[listed.end() :])) if text.strip()]
        question = question[: listed.start()]
    question = MARKS.sub("", question).strip()
    chosen = _choice(row, len(choices)) if choices else None
    if not choices:
        answer = next((row[other] for other in ANSWER if other != key and isinstance(row.get(other), str)), "")
        choices, chosen = ([CALCULATOR.sub("", answer)], 0) if answer.strip() else ([], None)
    yield Item(name, number, "question", (question, *choices), 0 if chosen is None else chosen + 1)
    if passage.strip():
        yield Item(name, number, "passage", (passage,), 0)


def _choices(row: Mapping[str, Any]) -> list[str]:
    found = row.get("choices") or row.get("options") or row.get("endings")
    if isinstance(found, dict):
        found = found.get("text") or list(found.values())
    if found is None:
        names = next((names for names in NUMBERED if all(name in row for name in names)), ())
        found = [row[name] for name in names]
    return [str(choice) for choice in found]


def _choice(row: Mapping[str, Any], choices: int) -> int | None:
    """Which choice is right, from 0; None if nobody says."""
    value = next((row[key] for key in GOLD if row.get(key) is not None), None)
    text = str(value).strip()
    if len(text) == 1 and "A" <= text.upper() <= "H":
        place = ord(text.upper()) - ord("A")
    elif text.isascii() and text.isdigit():
        place = int(text)
    elif isinstance(value, bool):
        place = int(value)
    else:
        return None
    return place if place < choices else None
