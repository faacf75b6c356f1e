"""The main text of a page as Markdown, and which way it was found.

| way         | when                                                                                    |
|-------------|-----------------------------------------------------------------------------------------|
| blocks      | nearly always: the blocks that the content model keeps (content.py)                     |
| trafilatura | the model is sure of no choice of a few blocks, and trafilatura finds some: the blocks  |
|             | are those whose words it gives, and their Markdown is ours                              |
| json_ld     | hardly a block has words: the page is made by scripts, but describes itself in JSON-LD  |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from stages.l0_collect.extract.blocks import Block, blocks, join
from stages.l0_collect.extract.content import choose, completed

SURE = 0.5
"""Expected F1; see benchmarks/README.md for what each way is worth below it."""
MANY_BLOCKS = 100
"""Larger pages of which the model is not sure show goods, and trafilatura takes 0.1 s of each: a tenth of the time of
all pages. With 1000 instead the F1 of two folds of WCXB (626 pages) is .8799, and .8805 with 100."""
FEW_WORDS = 40
"""A page of fewer is made by scripts, or says nothing."""
LONG_LINE = 20
"""Letters and digits of a line that stand in another text by no chance."""
NO_WORD = re.compile(r"\W+")
SUMMARY = ("description", "og:description", "twitter:description")
BODY = ("articleBody", "text", "description", "reviewBody", "acceptedAnswer", "mainEntity", "@graph", "hasPart",
        "review", "comment", "suggestedAnswer")  # fmt: skip
"""Keys of JSON-LD under which text for readers stands, here or deeper."""


def main_text(tree: Any, html: str, title: str) -> tuple[str, str, float]:
    """(Markdown, way, how sure it is: the F1 to expect)"""
    found = blocks(tree)
    described = json_ld(tree)
    kept, expected = choose(found, html, title, f"{summary(tree)} {described}")
    if sum(len(block.text.split()) for block in found) < FEW_WORDS and len(described.split()) >= FEW_WORDS:
        return described, "json_ld", expected
    if expected < SURE and len(found) <= MANY_BLOCKS:
        other = _given_by(_trafilatura(tree), found)
        if any(other):
            return _joined(found, completed(found, other)), "trafilatura", expected
    return _joined(found, kept), "blocks", expected


def _joined(found: Sequence[Block], kept: Sequence[bool]) -> str:
    return join(block for block, is_kept in zip(found, kept, strict=True) if is_kept)


def _given_by(text: str, found: Sequence[Block]) -> list[bool]:
    """Of each block, whether most of it stands in the text, which may have other white space and marks."""
    lines = {NO_WORD.sub("", line) for line in text.split("\n")}
    whole = NO_WORD.sub("", text)
    chosen = []
    for block in found:
        own = [NO_WORD.sub("", line) for line in block.text.split("\n")]
        given = sum(len(line) for line in own if line in lines or (len(line) >= LONG_LINE and line in whole))
        chosen.append(2 * given > sum(map(len, own)))
    return chosen


def _trafilatura(tree: Any) -> str:
    import copy

    import trafilatura
    from lxml import etree  # type: ignore[import-untyped]
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

    # The only trees it takes are of lxml.html's class; a copy's elements are of the class that the parser then names.
    tree.getroottree().parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))
    # `deduplicate` stays off: it compares with the pages before, so the output would depend on their order.
    return trafilatura.extract(copy.deepcopy(tree), deduplicate=False) or ""


def summary(tree: Any) -> str:
    """What a page's <meta> says of it to search engines and other sites."""
    said = [meta.get("content", "") for meta in tree.iter("meta")
            if (meta.get("name") or meta.get("property") or "").lower() in SUMMARY]  # fmt: skip
    return " ".join(dict.fromkeys(said))


def json_ld(tree: Any) -> str:
    """What a page's JSON-LD holds for readers, each text once."""
    texts: dict[str, None] = {}
    for script in tree.iter("script"):
        try:
            data = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue
        texts |= dict.fromkeys(_texts(data))
    return "\n\n".join(texts)


def _texts(data: Any, depth: int = 0) -> Iterator[str]:
    if depth > 8:
        return
    if isinstance(data, str) and len(words := data.split()) > 1:
        yield " ".join(words)
    elif isinstance(data, list):
        for part in data:
            yield from _texts(part, depth + 1)
    elif isinstance(data, dict):
        for key in BODY:
            if key in data:
                yield from _texts(data[key], depth + 1)
