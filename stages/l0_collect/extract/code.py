"""Program code of a page: its lines as they are, without the line numbers and buttons around them."""

from __future__ import annotations

import re
from typing import Any

LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|brush:\s*|sourceCode\s+)([\w+#.-]{1,20})")
LINE_NUMBERS = re.compile(
    r"(?:^|[\s_-])(?:line-?no(?:s|number)?s?|line-?numbers?(?:-rows)?|ln-num|gutter|blob-num|hljs-ln-n\w*|linenodiv|"
    r"crayon-nums?|CodeMirror-linenumber)(?:$|[\s_-])"
)
NUMBER_OR_LINE = ("ln", "lnt", "num")
"""Classes that bear a line's number in some tools and the line itself in others."""
NUMBERS_ONLY = re.compile(r"\s*+(?:\d{1,6}[.:]?\s++)+(?:\d{1,6}[.:]?\s*+)?|\s*+1\s*+")
LINES = frozenset(("div", "p", "li", "tr"))
"""One line each, in code that is no running text."""
NO_CODE = frozenset(("button", "script", "style", "svg", "textarea"))


def source(element: Any) -> str:
    """The text of a piece of code with its blank lines, indentation and tabs."""
    pieces: list[str] = []
    _gather(element, pieces)
    text = "".join(pieces).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    text = text.replace("\u200b", "").replace("\ufeff", "")
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def _gather(element: Any, pieces: list[str]) -> None:
    if element.text:
        pieces.append(element.text)
    for child in element:
        tag = child.tag
        if tag == "br":
            pieces.append("\n")
        elif tag in NO_CODE or (tag != "code" and _is_line_number(child)):
            pass
        elif tag in LINES:
            _start_line(pieces)
            _gather(child, pieces)
            _start_line(pieces, even_if_empty=True)
        else:
            _gather(child, pieces)
        if child.tail:
            pieces.append(child.tail)


def _is_line_number(element: Any) -> bool:
    names = element.get("class")
    if not names:
        return False
    is_number = names in NUMBER_OR_LINE and (element.text or "").strip().isdigit()
    return is_number or LINE_NUMBERS.search(names) is not None


def _start_line(pieces: list[str], even_if_empty: bool = False) -> None:
    last = next((piece for piece in reversed(pieces) if piece), "\n")
    if not last.endswith("\n"):
        pieces.append("\n")


def is_code(element: Any) -> bool:
    """Whether a <code> outside of <pre> is a block of lines."""
    return element.find(".//br") is not None


def is_line_numbers(text: str) -> bool:
    return NUMBERS_ONLY.fullmatch(text) is not None


def language(element: Any) -> str:
    """What the class of the element, of the code in it or of the one around it says; "" if nothing."""
    around = element.getparent()
    for holder in (element, element.find(".//code"), around, None if around is None else around.getparent()):
        if holder is None:
            continue
        if found := LANGUAGE.search(holder.get("class", "")):
            return found[1]
    return ""


def fenced(text: str, language: str) -> str:
    longest = max(map(len, re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
