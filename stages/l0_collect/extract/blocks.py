"""A page's tree as blocks of Markdown in document order, in one walk.

`blocks` gives every block of the tree that it is shown; which of them are the page's text is decided elsewhere, and
`join` makes one Markdown text of those that are. Emphasis and link targets are left out, words never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from stages.l0_collect.extract.code import fenced, is_code, is_line_numbers, language, source
from stages.l0_collect.extract.markdown import (
    END_LOWERED,
    END_RAISED,
    LINE_END,
    LOWERED,
    RAISED,
    inline_code,
    tidy,
)
from stages.l0_collect.extract.tables import grid, rendered

Element = Any
"""lxml's, which has no types."""


@dataclass(slots=True)
class Block:
    """One heading, paragraph, list item, table, piece of code, formula, quote or caption."""

    kind: str
    markdown: str
    """Without blank lines around."""
    text: str
    """Its words alone."""
    element: Element
    """The nearest element that holds all of it."""
    links: int = 0
    """Characters of `text` that are links."""


def blocks(tree: Element) -> list[Block]:
    walk = _Walk(container=tree)
    walk.children(tree) if tree.tag not in ACTIONS else ACTIONS[tree.tag](walk, tree)
    walk.flush()
    return walk.found


def join(parts: Iterable[Block]) -> str:
    """The blocks as one text: an empty line between them, none between the items of a list."""
    pieces: list[str] = []
    items: list[str] = []  # of the list being gathered
    for block in parts:
        if block.kind == "list_item":
            items.append(block.markdown)
            continue
        if items:
            pieces.append(_list(items))
            items = []
        pieces.append(block.markdown)
    if items:
        pieces.append(_list(items))
    return "\n\n".join(pieces)


def _list(items: list[str]) -> str:
    """Moved to the margin: the item that the first ones were nested in may not be among them."""
    indent = min(len(item) - len(item.lstrip(" ")) for item in items)
    if indent:
        items = ["\n".join(line[indent:] for line in item.split("\n")) for item in items]
    return "\n".join(items)


@dataclass(slots=True)
class _List:
    """A list that the walk is in."""

    number: int | None
    """Of the next item; None where items have no numbers."""
    indent: str
    """Before an item's mark."""
    mark: str = ""
    """Of the current item, until its first words are there."""


@dataclass(slots=True)
class _Walk:
    container: Element
    found: list[Block] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    """Of the run being gathered."""
    links: int = 0
    link_depth: int = 0
    lists: list[_List] = field(default_factory=list)
    flat: int = 0
    """Above 0 within what must stay on one line: headings and cells."""

    def children(self, element: Element) -> None:
        pieces = self.pieces  # what takes another list for a while puts this one back
        if (text := element.text) and (pieces or not text.isspace()):
            self.add(text)
        for child in element:
            action = ACTIONS.get(child.tag)
            if action is None:
                self.children(child)
            else:
                action(self, child)
            if (tail := child.tail) and (pieces or not tail.isspace()):  # white space between blocks is no text
                self.add(tail)

    def skip(self, element: Element) -> None:
        """What holds no text of the page."""

    def add(self, text: str) -> None:
        self.pieces.append(text)
        if self.link_depth:
            self.links += len(" ".join(text.split()))

    def block(self, element: Element, kind: str = "paragraph") -> None:
        """What stands on lines of its own."""
        if self.flat:
            self.pieces.append(" ")
            self.children(element)
            self.pieces.append(" ")
            return
        if self.pieces:
            self.flush()
        outside, self.container = self.container, element
        self.children(element)
        if self.pieces:
            self.flush(kind)
        self.container = outside

    def flush(self, kind: str = "paragraph") -> None:
        """End the run of words: it becomes a block, or several where empty lines part it."""
        if not self.pieces:
            return
        raw, links = "".join(self.pieces), self.links
        self.pieces.clear()
        self.links = 0
        paragraphs = tidy(raw)
        for lines in paragraphs:
            text = "\n".join(lines)
            share = links if len(paragraphs) == 1 else min(links, len(text))
            links -= share
            self.found.append(self._placed(kind, text, share))

    def _placed(self, kind: str, text: str, links: int) -> Block:
        """The first words of a list's item bear its mark."""
        if not (kind == "paragraph" and self.lists and self.lists[-1].mark):
            return Block(kind, text, text, self.container, links)
        current = self.lists[-1]
        first = current.indent + current.mark
        markdown = first + text.replace("\n", "\n" + " " * len(first))
        current.mark = ""
        return Block("list_item", markdown, text, self.container, links)

    def on_one_line(self, element: Element) -> tuple[str, int]:
        """(an element's words, characters of links among them)"""
        outside, self.pieces, links, self.links = self.pieces, [], self.links, 0
        self.flat += 1
        self.children(element)
        self.flat -= 1
        text = " ".join(line for lines in tidy("".join(self.pieces)) for line in lines)
        self.pieces, found, self.links = outside, self.links, links
        return text, min(found, len(text))

    def emit(self, kind: str, markdown: str, text: str, element: Element, links: int = 0) -> None:
        self.found.append(Block(kind, markdown, text, element, links))
        if self.lists:
            self.lists[-1].mark = ""  # said of the first words only

    def heading(self, element: Element) -> None:
        if self.flat:
            return self.block(element)
        self.flush()
        text, links = self.on_one_line(element)
        if text:
            self.emit("heading", f"{'#' * int(element.tag[1])} {text}", text, element, links)

    def caption(self, element: Element) -> None:
        self.block(element, "caption")

    def list(self, element: Element) -> None:
        if self.flat:
            return self.block(element)
        self.flush()
        first = None
        if element.tag == "ol":
            first = _number(element.get("start"), 1)
        above = ""
        if self.lists:
            above = self.lists[-1].indent + " " * (2 if self.lists[-1].number is None else 3)
        self.lists.append(_List(first, above))
        self.block(element)
        self.lists.pop()

    def item(self, element: Element) -> None:
        if self.flat:
            while self.pieces and self.pieces[-1].isspace():
                self.pieces.pop()
            if self.pieces and element.getprevious() is not None:
                self.pieces[-1] = self.pieces[-1].rstrip()
                self.pieces.append("; ")
            return self.block(element)
        if not self.lists:  # an item outside of a list
            self.lists.append(_List(None, ""))
            self.item(element)
            self.lists.pop()
            return
        self.flush()
        current = self.lists[-1]
        if current.number is None:
            current.mark = "- "
        else:
            number = _number(element.get("value"), current.number)
            current.mark, current.number = f"{number}. ", number + 1
        self.block(element)
        current.mark = ""

    def quote(self, element: Element) -> None:
        if self.flat:
            return self.block(element)
        self.flush()
        first = len(self.found)
        self.block(element)
        for block in self.found[first:]:
            if block.kind not in ("code", "table"):
                block.kind = "quote" if block.kind == "paragraph" else block.kind
                block.markdown = "> " + block.markdown.replace("\n", "\n> ")

    def preformatted(self, element: Element) -> None:
        if self.flat:
            self.pieces.append(f" {inline_code(source(element))} ")
            return
        self.flush()
        text = source(element)
        if text and not is_line_numbers(text):
            self.emit("code", fenced(text, language(element)), text, element)

    def code(self, element: Element) -> None:
        if not self.flat and is_code(element):
            self.preformatted(element)
        else:
            self.add(inline_code(source(element)))

    def table(self, element: Element) -> None:
        if self.flat:
            return self.block(element)
        self.flush()
        for child in element.iterchildren("caption"):
            self.caption(child)
        links = 0
        rows: list[list[str]] = []
        for cells in grid(element):
            row = []
            for cell in cells:
                text, linked = ("", 0) if cell is None else self.on_one_line(cell)
                row.append(text)
                links += linked
            if any(row):
                rows.append(row)
        if rows:
            text = "\n".join(" ".join(filter(None, row)) for row in rows)
            self.emit("table", rendered(rows), text, element, links)

    def line_end(self, element: Element) -> None:
        self.pieces.append(" " if self.flat else LINE_END)

    def link(self, element: Element) -> None:
        if "#" in element.get("href", "") and "".join(element.itertext()).strip() in PERMALINKS:
            return
        self.link_depth += 1
        self.children(element)
        self.link_depth -= 1

    def raised(self, element: Element) -> None:
        link = element.find("a")
        if link is not None and "#" in link.get("href", "") and (text := "".join(element.itertext()).strip()).isdigit():
            self.add(f"[{text}]")  # a note's number
            return
        self.pieces.append(RAISED)
        self.children(element)
        self.pieces.append(END_RAISED)

    def lowered(self, element: Element) -> None:
        self.pieces.append(LOWERED)
        self.children(element)
        self.pieces.append(END_LOWERED)

    def reading(self, element: Element) -> None:
        """The small print over a Chinese or Japanese word, which stands in brackets as where ruby is not known."""
        has_brackets = element.getparent().find("rp") is not None
        self.pieces.append("" if has_brackets else "(")
        self.children(element)
        self.pieces.append("" if has_brackets else ")")

    def quotation(self, element: Element) -> None:
        self.pieces.append('"')
        self.children(element)
        self.pieces.append('"')

    def span(self, element: Element) -> None:
        text = element.text
        if text and text.startswith("$$") and element.get("class") == "formula" and not self.flat:
            self.flush()
            self.emit("formula", text, text, self.container)
        else:
            self.children(element)


PERMALINKS = ("#", "¶", "§", "🔗", "\U0001f517\ufe0e", "∞", "⚓")
"""All that links to a place's own address say, as tools for documentation put them beside headings."""


def _number(said: str | None, otherwise: int) -> int:
    try:
        return int(said) if said and len(said) < 9 else otherwise
    except ValueError:
        return otherwise


SKIPPED = """
    head script style template svg iframe audio video canvas textarea select datalist input img meter progress map area
"""
BLOCKS = """
    address article aside body button center dd details dialog dir div dl dt fieldset figure footer form frameset header
    hgroup hr html legend main nav noframes option p search section summary tbody td tfoot th thead tr
"""
ACTIONS: dict[str, Callable[[_Walk, Element], None]] = {
    **dict.fromkeys(SKIPPED.split(), _Walk.skip),
    **dict.fromkeys(BLOCKS.split(), _Walk.block),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _Walk.heading),
    **dict.fromkeys(("ul", "ol", "menu"), _Walk.list),
    **dict.fromkeys(("pre", "listing", "xmp", "plaintext"), _Walk.preformatted),
    **dict.fromkeys(("code", "tt", "kbd", "samp"), _Walk.code),
    "li": _Walk.item,
    "blockquote": _Walk.quote,
    "table": _Walk.table,
    "figcaption": _Walk.caption,
    "caption": _Walk.caption,
    "br": _Walk.line_end,
    "a": _Walk.link,
    "sup": _Walk.raised,
    "sub": _Walk.lowered,
    "rt": _Walk.reading,
    "q": _Walk.quotation,
    "span": _Walk.span,
}
