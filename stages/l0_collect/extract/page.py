"""The main text of one page, worked out in a process that can be killed.

Run as a file this is that process.
"""

from __future__ import annotations

import gc
from typing import Any

from pipeline.processes import serve


def extract(page: bytes, content_type: str, maximum_elements: int, maximum_depth: int) -> dict[str, Any]:
    """{text, extractor, confidence, elements, depth} and what the page says about itself (about.py).

    `text` is empty if the page breaks a bound or has none. With `undecodable` if no encoding makes text of it.
    """
    from stages.l0_collect.extract.about import about
    from stages.l0_collect.extract.decode import Undecodable, decode
    from stages.l0_collect.extract.main_text import main_text
    from stages.l0_collect.extract.tree import read, refined

    found: dict[str, Any] = {"text": "", "elements": 0, "depth": 0}
    try:
        html = decode(page, content_type)
    except Undecodable:
        return found | {"undecodable": True}
    tree = read(html)
    found["elements"], found["depth"] = _size(tree, maximum_depth)
    if found["elements"] <= maximum_elements and found["depth"] <= maximum_depth:
        tree = refined(tree)
        found |= about(tree)
        found["text"], found["extractor"], found["confidence"] = main_text(tree, html, found["title"])
    return found


def _size(tree: Any, maximum_depth: int) -> tuple[int, int]:
    """(elements, depth; 0 where it is not above the maximum), asked in C before anything looks at the elements"""
    from lxml import etree  # type: ignore[import-untyped]

    elements = int(tree.xpath("count(descendant-or-self::*)"))
    if not tree.xpath("boolean(/*" + "/*" * maximum_depth + ")"):
        return elements, 0
    depth = deepest = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return elements, deepest


def get_ready() -> None:
    """Load the libraries and the model, and compile the loops: a page goes all the way."""
    from stages.l0_collect.extract.main_text import main_text
    from stages.l0_collect.extract.tree import parse

    html = "<p>A page of some words, to get ready.</p><p>And more of them.</p>"
    main_text(parse(html), html, "")
    settle()


def settle() -> None:
    """Look for garbage seldom, and not among what is loaded: pages leave next to none, and it takes 5 % of the time."""
    gc.freeze()
    gc.set_threshold(20_000)


def main() -> None:
    serve(lambda html, asked: extract(html, asked["content_type"], asked["maximum_elements"], asked["maximum_depth"]),
          get_ready)  # fmt: skip


if __name__ == "__main__":
    main()
