"""The text layer of one PDF, read in a process that can be killed. Run as a file this is that process.

PDFium hands out the lines of a page in reading order, with U+0002 where a hyphen at a line's end was taken away.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.processes import serve

PAGE_CHARACTERS = 50
"""A page with fewer, blanks apart, has no text: a stamp of whoever scanned it, or a page number."""
TAIL = 4096
"""Bytes in which the end of the file must be marked; readers of PDF look for it in the last 1,024."""
ENCRYPTED = (4, 5)
"""PDFium's errors for a password and for a kind of encryption that it does not know."""
HYPHEN = re.compile(r"(?<![^\W\d_])([^\W\d_]+)\x02([^\W\d_]*)")
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")
NEW_LINE = re.compile(
    r"(?:[-*•·▪\u2013—○●■□►▸]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)]|\[\d{1,4}\])\s"  # items of lists
    r"|\d{1,3}(?:\.\d{1,3})+\.?\s+[^\W\d_]"  # numbered headings
    r"|--?[A-Za-z]"  # options of commands
    r"|\d+$"  # page numbers
)
"""What begins a line of its own, however full the one before."""
FULL = 0.75
"""Of the usual length of the document's lines, the one that a quarter of them reaches, so that titles, lists and code,
which are short, do not decide it."""
SHORTEST_USUAL = 30
"""Characters; where the usual line is shorter, lines are no running text."""


def read(data: bytes, maximum_pages: int) -> dict[str, Any]:
    """{text, pages, pages_with_text, title, date}, or {rule, pages} of a document that is to be dropped.

    pages: of the document; 0 if it cannot be opened.
    """
    import pypdfium2

    if b"%PDF-" not in data[:1024]:
        return {"rule": "not_pdf", "pages": 0}
    if b"%%EOF" not in data[-TAIL:]:
        return {"rule": "truncated", "pages": 0}
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return {"rule": "encrypted" if error.err_code in ENCRYPTED else "damaged", "pages": 0}
    pages = len(document)
    if pages > maximum_pages:
        return {"rule": "too_many_pages", "pages": pages}
    texts = []
    for number in range(pages):
        try:
            page = document[number]
            layer = page.get_textpage()
        except pypdfium2.PdfiumError:  # a document without one of its pages is no whole one
            return {"rule": "damaged", "pages": pages}
        texts.append(layer.get_text_bounded())
        layer.close()
        page.close()
    told = document.get_metadata_dict()
    with_text = sum(len("".join(text.split())) >= PAGE_CHARACTERS for text in texts)
    found = {"text": joined(texts), "pages": pages, "pages_with_text": with_text}
    return found | {"title": " ".join(told["Title"].split()), "date": told["CreationDate"]}


def joined(pages: list[str]) -> str:
    """The pages as paragraphs, with a blank line between pages; words that were cut at line ends are whole again."""
    lines = [[line.strip() for line in page.splitlines() if line.strip()] for page in pages]
    lengths = sorted(len(line) for page in lines for line in page)
    full = FULL * max(SHORTEST_USUAL, lengths[3 * len(lengths) // 4]) if lengths else 0
    text = "\n\n".join("\n".join(_paragraphs(page, full)) for page in lines if page)
    return CONTROL.sub("", _without_hyphens(text))


def _without_hyphens(text: str) -> str:
    """A hyphen goes where the word was cut at a line's end, and stays where it belongs to the word.

    The rest of the document knows; where it does not, a small letter behind the hyphen says that the word was cut.
    """
    known = set(WORD.findall(HYPHEN.sub(" ", text).lower()))

    def whole(match: re.Match[str]) -> str:
        cut, compound = f"{match[1]}{match[2]}", f"{match[1]}-{match[2]}"
        is_cut = match[2][:1].islower() and (compound.lower() not in known or cut.lower() in known)
        return cut if is_cut else compound

    return HYPHEN.sub(whole, text).replace("\x02", "-")


def _paragraphs(lines: list[str], full: float) -> list[str]:
    """The lines with those of a paragraph in one: a PDF knows only lines, each as wide as its column.

    A line of fewer than `full` characters ends a paragraph.
    """
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and not NEW_LINE.match(line):
            both_run_on = WITHOUT_SPACES.match(found[-1][-1]) and WITHOUT_SPACES.match(line[0])
            found[-1] += line if both_run_on else f" {line}"
        else:
            found.append(line)
        goes_on = len(line) >= full and not _is_tabular(line)
    return found


def _is_tabular(line: str) -> bool:
    """Whether the line is a row of figures, or one of a table of contents."""
    digits = sum(character.isdigit() for character in line)
    return digits > 0.3 * len(line) or "...." in line or ". . . ." in line


def main() -> None:
    """Answer requests until standard input ends."""
    serve(lambda data, asked: read(data, asked["maximum_pages"]))


if __name__ == "__main__":
    main()
