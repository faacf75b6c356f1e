"""The forms of L3 beyond prose and pairs, read again from the stored text by code that shares nothing with L3's.

| form     | defects                                                                            |
|----------|------------------------------------------------------------------------------------|
| turns    | wrong_turns: speakers that do not alternate, an empty turn, the last word missing  |
| labelled | missing_part: a label missing, twice, out of order, or without content             |
| table    | ragged_table: rows of unequal length, no rule of dashes, no row                    |
| bullets  | no_list: a line that is no item, or fewer than two                                 |
| sections | empty_section: no title, a heading without text                                    |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CELL_END = re.compile(r"(?<!\\)\|")
DASHES = re.compile(r" ?-{3,} ?")

Defect = tuple[str, str]
"""The defect and the place that shows it, or two empty strings."""


def turns(text: str, form: Mapping[str, Any]) -> Defect:
    speakers = form["first"], form["second"]
    blocks = text.split("\n\n")
    for place, block in enumerate(blocks):
        said = block.removeprefix(f"{speakers[place % 2]}: ")
        if said == block or not said.strip():
            return "wrong_turns", block[:80]
    return ("wrong_turns", blocks[-1][:80]) if len(blocks) % 2 else ("", "")


def labelled(text: str, form: Mapping[str, Any]) -> Defect:
    starts = [line.partition(": ") for line in text.split("\n")]
    found = [label for label, colon, _ in starts if colon and label in form["labels"]]
    bare = [label for label in form["labels"] if text == f"{label}:" or f"\n{label}: \n" in f"\n{text}\n"]
    if found != list(form["labels"]) or bare or not starts[-1][0].strip():
        return "missing_part", text[:80]
    return "", ""


def table(text: str, form: Mapping[str, Any]) -> Defect:
    """Of the table alone; the pair below it is held to the form `pairs`."""
    rows = [CELL_END.split(line) for line in text.partition("\n\n")[0].split("\n")]
    for row in rows:
        if len(row) != len(rows[0]) or len(row) < 4 or row[0] or row[-1]:
            return "ragged_table", "|".join(row)[:80]
    if len(rows) < 3 or not all(map(DASHES.fullmatch, rows[1][1:-1])):
        return "ragged_table", text[:80]
    return "", ""


def bullets(text: str, form: Mapping[str, Any]) -> Defect:
    lines = text.split("\n")
    wrong = next((line for line in lines if not line.startswith("- ") or not line[2:].strip()), None)
    return ("no_list", (wrong or text)[:80]) if wrong is not None or len(lines) < 2 else ("", "")


def sections(text: str, form: Mapping[str, Any]) -> Defect:
    lines = [line for line in text.split("\n") if line.strip()]
    heads = [line.lstrip().startswith("#") for line in lines]
    for place, line in enumerate(lines):
        ends = place + 1 == len(lines) or (place > 0 and heads[place + 1])
        if heads[place] and ends:
            return "empty_section", line[:80]
    return ("", "") if heads[0] and sum(heads) > 1 else ("empty_section", text[:80])
