"""Tables: which of them are data, their cells as a grid, the grid as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAXIMUM_SPAN = 100
"""Columns that wide and high cells may fill; real tables stay far below, hostile ones ask for millions."""
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
PARTS_OF_PAGES = (
    "table",
    "form",
    "nav",
    "article",
    "section",
    "main",
    "header",
    "footer",
    "hr",
    "iframe",
    "blockquote",
)
"""What no cell of data holds."""
BLOCKS = (*PARTS_OF_PAGES, *HEADINGS, "p", "div", "ul", "ol", "dl", "pre", "center")
LONGEST_TITLE = 150
"""Characters of a cell with a heading in it; more of them are a section of the page."""
LONGEST_CELL = 400
LONGEST_CELL_UNDER_HEAD = 2000
"""Characters. On the 2,500 real pages at hand cells of layout are longer, and cells of data shorter."""
ROW_OF_WORDS = 200
"""Characters of a row of layout that may be one line."""


def is_data(table: Any) -> bool:
    """Whether the table's rows and columns mean something, or only place things on the page.

    Judged from the innermost table outwards, so that a table in a cell is still a table only if it is data.
    """
    role = table.get("role", "").lower()
    if role in ("presentation", "none") or table.get("datatable") == "0":
        return False
    if next(table.iterdescendants(*PARTS_OF_PAGES), None) is not None:
        return False
    if any(_size(_cell(heading)) > LONGEST_TITLE for heading in table.iterdescendants(*HEADINGS)):
        return False
    if any("\n" in "".join(code.itertext()).strip() for code in table.iterdescendants("pre")):
        return False  # lines of code have no place in a cell
    lines = list(grid(table))
    sizes = [[0 if cell is None else _size(cell) for cell in line] for line in lines]
    filled = [line for line in sizes if any(line)]
    if len(filled) < 2 or max(map(len, filled)) < 2:
        return False
    longest = max(map(max, filled))
    has_head = next(table.iterdescendants("th", "thead", "caption"), None) is not None or bool(table.get("summary"))
    if has_head or role in ("table", "grid"):
        return longest <= LONGEST_CELL_UNDER_HEAD
    if longest > LONGEST_CELL or len(filled) < 0.7 * len(lines):
        return False
    wide = sum(any(cell is not None and cell.get("colspan", "1") != "1" for cell in line) for line in lines)
    columns = max(set(widths := [len(line) for line in filled]), key=widths.count)
    full = sum(sum(map(bool, line)) for line in filled)
    if wide > 0.3 * len(lines) or widths.count(columns) < 0.7 * len(filled) or full < 0.5 * columns * len(filled):
        return False
    linked = sum(_size(link) for link in table.iterdescendants("a"))
    return linked < 0.5 * sum(map(sum, filled))


def unwrap(table: Any) -> None:
    """Turn a table of layout into plain blocks; a row of a few words stays a line."""
    for row in list(rows(table)):
        is_line = _size(row) <= ROW_OF_WORDS and next(row.iterdescendants(*BLOCKS, "br"), None) is None
        for cell in row.iterchildren("td", "th"):
            cell.tag = "span" if is_line else "div"
            if is_line:
                cell.tail = " "
        row.tag = "div"
    for part in table:
        if part.tag in ("thead", "tbody", "tfoot", "caption", "colgroup"):
            part.tag = "div"
    table.tag = "div"


def _cell(element: Any) -> Any:
    """The cell around an element, or the table if it is in none."""
    while element.tag not in ("td", "th", "table"):
        element = element.getparent()
    return element


def _size(element: Any) -> int:
    return len(" ".join("".join(element.itertext()).split()))


def rows(table: Any) -> Iterator[Any]:
    """The table's own rows, without those of tables in its cells."""
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from child.iterchildren("tr")


def grid(table: Any) -> Iterator[list[Any | None]]:
    """Row by row the cells, with None for the places that a wide or high cell covers besides its first."""
    covered: dict[int, int] = {}  # column: rows still covered from above
    for row in rows(table):
        cells: list[Any | None] = []
        for cell in row.iterchildren("td", "th"):
            _cover(cells, covered)
            wide, high = span(cell, "colspan"), span(cell, "rowspan")
            for column in range(max(1, min(wide, MAXIMUM_SPAN - len(cells)))):
                if high > 1:
                    covered[len(cells)] = high - 1
                cells.append(None if column else cell)
        _cover(cells, covered)
        yield cells


def _cover(cells: list[Any | None], covered: dict[int, int]) -> None:
    while len(cells) < MAXIMUM_SPAN and covered.get(len(cells), 0):
        covered[len(cells)] -= 1
        cells.append(None)


def span(cell: Any, name: str) -> int:
    said = cell.get(name, "")
    return min(max(int(said), 1), MAXIMUM_SPAN) if said.isdecimal() and len(said) < 9 else 1


def rendered(grid: list[list[str]]) -> str:
    """The grid's first row is the head: Markdown knows no table without one."""
    columns = max(map(len, grid))
    lines = [_line(row + [""] * (columns - len(row))) for row in grid]
    lines.insert(1, "| " + " | ".join(["---"] * columns) + " |")
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
