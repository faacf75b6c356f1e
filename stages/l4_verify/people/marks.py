"""What the page marks in a record: words that the text has and its source lacks, and what the checkers said.

Parts are (text, kind) in order, and joined they are the text again; the page writes each as text, never as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
ALIGNED = 3_000
"""Words up to which two texts are aligned; the time grows with the square, and beyond words are only looked up."""
Part = tuple[str, str]


def differences(text: str, source: str) -> tuple[list[Part], list[Part]]:
    """Parts of text and source: '' where they are alike, 'new' and 'left' where only one of them has the words."""
    if not source:
        return [(text, "")], []
    one, other = WORDS.findall(text), WORDS.findall(source)
    if max(len(one), len(other)) > ALIGNED:
        known, said = {word.lower() for word in other}, {word.lower() for word in one}
        return (
            _joined((word, "" if word.lower() in known else "new") for word in one),
            _joined((word, "" if word.lower() in said else "left") for word in other),
        )
    matcher = SequenceMatcher(None, [w.lower() for w in one], [w.lower() for w in other], autojunk=False)
    kinds, others = ["new"] * len(one), ["left"] * len(other)
    for block in matcher.get_matching_blocks():
        kinds[block.a : block.a + block.size] = [""] * block.size
        others[block.b : block.b + block.size] = [""] * block.size
    return _joined(zip(one, kinds, strict=True)), _joined(zip(other, others, strict=True))


def _joined(words: Iterable[Part]) -> list[Part]:
    """Neighbours of one kind as one part; spaces go with what stands before them."""
    parts: list[Part] = []
    for word, kind in words:
        if parts and (parts[-1][1] == kind or word.isspace()):
            parts[-1] = (parts[-1][0] + word, parts[-1][1])
        else:
            parts.append((word, kind))
    return parts


def evidence(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the checkers found in the text: each item, and where the source says it."""
    found = []
    for verdict in record.get("verdicts", ()):
        for item in (verdict.get("evidence") or {}).get("items", ()):
            if not isinstance(item, Mapping) or not item.get("item"):
                continue
            where = item.get("where")
            around = record["source"][max(0, where - 30) : where + 50] if isinstance(where, int) else ""
            found.append(
                {"checker": str(verdict.get("checker")), "item": str(item["item"]), "kind": str(item.get("kind", "")),
                 "state": "unsupported" if where is None else "supported", "source": around}
            )  # fmt: skip
    return found


def marked(parts: Iterable[Part], items: Iterable[Mapping[str, str]]) -> list[Part]:
    """The parts with the unsupported items marked as such, wherever they stand."""
    strange = sorted({one["item"] for one in items if one["state"] == "unsupported"}, key=len, reverse=True)
    if not strange:
        return list(parts)
    pattern = re.compile("|".join(map(re.escape, strange)))
    return [piece for text, kind in parts for piece in _cut(text, kind, pattern)]


def _cut(text: str, kind: str, pattern: re.Pattern[str]) -> Iterator[Part]:
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], kind
        yield match[0], "unsupported"
        end = match.end()
    if end < len(text):
        yield text[end:], kind
