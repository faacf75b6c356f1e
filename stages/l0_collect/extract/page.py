"""The main text of one page, worked out in a process that can be killed.

Run as a file this is that process.
"""

from __future__ import annotations

from typing import Any

from pipeline.processes import serve


def extract(page: bytes, content_type: str, maximum_elements: int, maximum_depth: int) -> dict[str, Any]:
    """{text, extractor, confidence, elements, depth} and what the page says about itself (about.py).

    `text` is empty if the page breaks a bound or has none. With `undecodable` if no encoding makes text of it.
    """
    from stages.l0_collect.extract.about import about
    from stages.l0_collect.extract.decode import Undecodable, decode
    from stages.l0_collect.extract.main_text import main_text
    from stages.l0_collect.extract.tree import parse

    found: dict[str, Any] = {"text": "", "elements": 0, "depth": 0}
    try:
        html = decode(page, content_type)
    except Undecodable:
        return found | {"undecodable": True}
    tree = parse(html)
    found["elements"], found["depth"] = _size(tree)
    if found["elements"] <= maximum_elements and found["depth"] <= maximum_depth:
        found |= about(tree)
        found["text"], found["extractor"], found["confidence"] = main_text(tree, html, found["title"])
    return found


def _size(tree: Any) -> tuple[int, int]:
    """(elements, depth)"""
    from lxml import etree  # type: ignore[import-untyped]

    elements = depth = deepest = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            elements += 1
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return elements, deepest


def main() -> None:
    serve(lambda html, asked: extract(html, asked["content_type"], asked["maximum_elements"], asked["maximum_depth"]))


if __name__ == "__main__":
    main()
