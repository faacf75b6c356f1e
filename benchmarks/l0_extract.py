"""How much of a page's text each extractor finds, what it should have left out, and how fast.

    python -m benchmarks.l0_extract FOLDER [--sets wcxb,mixed,readability,formulas] [--pages 60] [--only NAME]…
                                    [--folds MODELS] [--peers FOLDER] [--part 0/8 --save FILE]
    python -m benchmarks.l0_extract --table FILE…          # the tables of what parts have saved

FOLDER holds `crawl/` (WCXB's development pages, pages_mixed, readability_pages). F1, under the pages' kinds, is of the
bags of lower-case words (`\\w+`), each page counting one. `with` and `without` are the shares of the snippets that must
be in the text, and that got in though they must not. The rest are shares of the truth's parts that come through word
for word, emphasis and link targets apart: code lines, table cells and list items anywhere in the text, and as such (a
code line within a code block, a cell between bars, an item behind its mark). `code, white space apart` forgives what
the truth of WCXB does to code: of the lines that the page has in <pre> or <code> at all, those whose signs stand in the
text's code blocks in this order, wherever a line ends. `formulas` are pages made here, since the
other sets' truth has none. Pages/s are of one core's time, all in one process whose garbage is collected
as in the one that `extract_html` asks. Every page is read by all extractors in turn, so that a
machine that others use as well slows them alike.

The model that the package holds has seen WCXB's development pages. With --folds, a folder with `fold0.npz` … that
`l0_content_model train --fold` made, each page is read by the one that has not seen its site.

Peers: trafilatura and resiliparse come with the project; readability-lxml, justext and newspaper4k are looked for in
the folder of --peers (`pip install --target FOLDER --no-deps` them and what they ask for), and left out if not there.
"""

from __future__ import annotations

import argparse
import collections
import functools
import gzip
import json
import logging
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.l0_content_model import FOLDS, f1, fold_of
from stages.l0_collect.extract import content
from stages.l0_collect.extract.about import about
from stages.l0_collect.extract.decode import Undecodable, decode
from stages.l0_collect.extract.main_text import main_text
from stages.l0_collect.extract.page import settle
from stages.l0_collect.extract.tree import parse

WORD = re.compile(r"\w+")
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:\s[^()\n]*)?\)")
EMPHASIS = re.compile(r"[*_`~\\]+")
TEX_SPACE = re.compile(r"[{}]|\\displaystyle")
FORMULA_PICTURE = re.compile(r"\\|[\^_=]")


@dataclass
class Page:
    url: str
    kind: str
    html: str
    text: str = ""
    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Code lines, table cells, list items, formulas of the truth."""

    @functools.cached_property
    def code(self) -> str:
        """What its markup has as code, without white space."""
        tree = parse(self.html)
        return squeezed(" ".join("".join(element.itertext()) for element in tree.iter("pre", "code", "tt")))


@dataclass
class Reading:
    """What one extractor made of one page."""

    set: str
    kind: str
    extractor: str
    seconds: float
    failed: bool
    f1: float | None
    counts: dict[str, tuple[int, int]]
    """(there, all of them) by what is counted"""


# Sets: pages with their truth.


def wcxb(folder: Path) -> Iterator[Page]:
    truth = json.loads(gzip.decompress((folder / "wcxb_dev.truth.json.gz").read_bytes()))
    for url, html in _warc(folder / "wcxb_dev.warc.gz"):
        known = truth[url]
        parts = markdown_parts(known["markdown"])
        yield Page(url, known["type"], html, known["text"], known["with"], known["without"], parts)


def mixed(folder: Path) -> Iterator[Page]:
    truth = json.loads((folder / "pages_mixed.truth.json").read_text())
    for url, html in _warc(folder / "pages_mixed.warc.gz"):
        if url in truth:
            yield Page(url, "mixed", html, "", truth[url]["with"], truth[url]["without"])


def readability(folder: Path) -> Iterator[Page]:
    from lxml.html import document_fromstring  # type: ignore[import-untyped]

    with tarfile.open(folder / "readability_pages.tar.gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers() if member.isfile()}
        for name in sorted(name for name in files if name.endswith("source.html")):
            expected = files.get(name.replace("source.html", "expected.html"))
            source = files[name]
            if source and expected:
                tree = document_fromstring(f"<html><body>{expected.read().decode()}</body></html>")
                for line_end in tree.iter("br"):
                    line_end.tail = "\n" + (line_end.tail or "")
                parts = {
                    "code": [line for code in tree.iter("pre") for line in code.text_content().split("\n")],
                    "cells": [" ".join(cell.text_content().split()) for cell in tree.iter("td", "th")],
                    "items": [" ".join(item.text_content().split()) for item in tree.iter("li") if not len(item)],
                    "formulas": [alt for picture in tree.xpath("//img[contains(@src, 'math/render')]")
                                 if FORMULA_PICTURE.search(alt := picture.get("alt", ""))],
                }  # fmt: skip
                text = " ".join(tree.itertext())
                yield Page(name, "readability", source.read().decode("utf-8", "replace"), text, parts=parts)


TEX = (
    r"x^{2}+y^{2}=z^{2}", r"\frac{a}{b+1}", r"\sum_{i=1}^{n}x_{i}", r"\int_{0}^{\infty}e^{-t}\,dt", r"\sqrt[3]{\sigma}",
    r"\alpha\leq\beta_{k}", r"\hat{\theta}=\arg\max_{\theta}L(\theta)", r"\vec{F}=m\vec{a}",
)  # fmt: skip
SOURCE = "<annotation encoding='application/x-tex'>{0}</annotation>"
MATHML = f"<math><semantics><mrow><mi>x</mi></mrow>{SOURCE}</semantics></math>"
CARRIERS = (
    MATHML,
    "<script type='math/tex'>{0}</script>",
    "<span class=MathJax_Preview>x</span><span class=MathJax>x</span><script type='math/tex'>{0}</script>",
    f"<span class=katex><span class=katex-mathml>{MATHML}</span><span class=katex-html>x</span></span>",
    "<img class=latex src=/tex.png alt='{0}'>",
    r"\({0}\)",
)
"""The forms in which MathJax, KaTeX, Wikipedia and WordPress put the source of a formula into a page."""
PROSE = (
    "The result was first noticed by a surveyor who measured the same field every spring and wrote down what he found.",
    "Later readers showed that it holds whenever the two sides are known well enough, and gave the proof that is used.",
    "It is taught in most schools today, although the reason why it is true is seldom told together with the rule.",
)


def formulas(folder: Path) -> Iterator[Page]:
    for number, carrier in enumerate(CARRIERS):
        said = [f"<p>{PROSE[at % 3]} It reads {carrier.format(tex)} in short. {PROSE[(at + 1) % 3]}</p>"
                for at, tex in enumerate(TEX)]  # fmt: skip
        article = f"<body><article><h1>A rule</h1>{''.join(said)}</article></body>"
        html = f"<html><head><title>A rule</title></head>{article}</html>"
        yield Page(f"form {number}", "formulas", html, parts={"formulas": list(TEX)})


SETS: dict[str, Callable[[Path], Iterator[Page]]] = {
    "wcxb": wcxb, "mixed": mixed, "readability": readability, "formulas": formulas,
}  # fmt: skip


def _warc(path: Path) -> Iterator[tuple[str, str]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            try:
                html = decode(record.reader.read(), record.http_headers.get("Content-Type") or "")
            except Undecodable:
                html = ""
            yield record.headers["WARC-Target-URI"], html


def markdown_parts(markdown: str) -> dict[str, list[str]]:
    rest = FENCE.sub("", markdown)
    return {
        "code": [line for code in FENCE.findall(markdown) for line in code.split("\n")],
        "cells": list(_cells(rest)),
        "items": ITEM.findall(rest),
    }


def _cells(markdown: str) -> Iterator[str]:
    for line in markdown.split("\n"):
        if line.lstrip().startswith("|") and re.search(r"\w", line):
            yield from LINK.sub(r"\1", line).strip().strip("|").replace("\\|", "\u2502").split("|")


# Extractors: a page in, its text out.


def ours(html: str) -> str:
    tree = parse(html)
    return main_text(tree, html, about(tree)["title"])[0]


def _trafilatura(**settings: bool) -> Callable[[str], str]:
    import trafilatura

    return lambda html: trafilatura.extract(html, output_format="markdown", **settings) or ""


def _resiliparse(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, main_content=True))


def _readability(html: str) -> str:
    import readability as library  # type: ignore[import-not-found]
    from lxml.html import fromstring

    return str(fromstring(library.Document(html).summary()).text_content())


def _justext(html: str) -> str:
    import justext  # type: ignore[import-untyped]

    words = justext.get_stoplist("English")
    return "\n\n".join(part.text for part in justext.justext(html.encode(), words) if not part.is_boilerplate)


def _newspaper(html: str) -> str:
    import newspaper  # type: ignore[import-not-found]

    article = newspaper.Article("http://page.test/", language="en")
    article.download(input_html=html)
    article.parse()
    return str(article.text)


EXTRACTORS: dict[str, Callable[[str], str]] = {
    "ours": ours,
    "trafilatura default": _trafilatura(),
    "trafilatura fast": _trafilatura(fast=True),
    "trafilatura precision": _trafilatura(favor_precision=True),
    "trafilatura recall": _trafilatura(favor_recall=True),
    "resiliparse": _resiliparse,
    "readability-lxml": _readability,
    "justext": _justext,
    "newspaper4k": _newspaper,
}


# Measures


def plain(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def bare(text: str) -> str:
    """Without what Markdown adds to words."""
    return " ".join(EMPHASIS.sub("", LINK.sub(r"\1", text)).split())


def squeezed(text: str) -> str:
    return "".join(bare(text).split())


def tex(text: str) -> str:
    """Without what changes no formula: white space, braces, and the wrapping that Wikipedia adds."""
    return "".join(TEX_SPACE.sub("", text).split())


def survived(page: Page, text: str) -> dict[str, tuple[int, int]]:
    """(those that come through, all of them) by kind; white space may differ."""
    found = {}
    flat, formulas = bare(text), tex(text)
    rest = FENCE.sub("", text)
    places = {
        "code": {bare(line) for code in FENCE.findall(text) for line in code.split("\n")},
        "cells": {bare(cell) for cell in _cells(rest)},
        "items": {bare(item) for item in ITEM.findall(rest)},
    }
    for kind, some in page.parts.items():
        if kind == "formulas":
            found[kind] = sum(tex(part) in formulas for part in some), len(some)
            continue
        wanted = [said for part in some if WORD.search(said := bare(part))]
        found[kind] = sum(part in flat for part in wanted), len(wanted)
        found[f"{kind} as such"] = sum(part in places[kind] for part in wanted), len(wanted)
        if kind == "code" and wanted:
            ours = squeezed(" ".join(FENCE.findall(text)))
            held = [line for part in wanted if (line := squeezed(part)) in page.code]
            found["code, white space apart"] = sum(line in ours for line in held), len(held)
    return found


def read(page: Page, kind: str, name: str) -> Reading:
    start, failed = time.process_time(), False
    try:
        text = EXTRACTORS[name](page.html)
    except Exception:  # a peer's defect on a page is an empty text
        text, failed = "", True
    seconds = time.process_time() - start
    flat = plain(text)
    counts = {
        side: (sum(plain(snippet) in flat for snippet in snippets), len(snippets))
        for side, snippets in (("with", page.wanted), ("without", page.unwanted))
    }
    counts |= survived(page, text)
    return Reading(kind, page.kind, name, seconds, failed, f1(text, page.text) if page.text else None, counts)


def table(readings: list[Reading]) -> str:
    """One of Markdown for each set, a line for each extractor."""
    found = []
    for name in dict.fromkeys(reading.set for reading in readings):
        rows = [_row([reading for reading in readings if (reading.set, reading.extractor) == (name, extractor)])
                for extractor in EXTRACTORS]  # fmt: skip
        rows = [row for row in rows if row]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        found.append(f"{name}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        found += [f"| {' | '.join(row.get(column, '') for column in columns)} |" for row in rows]
        found.append("")
    return "\n".join(found)


def _row(readings: list[Reading]) -> dict[str, str]:
    if not readings:
        return {}
    scores: dict[str, list[float]] = collections.defaultdict(list)
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for reading in readings:
        if reading.f1 is not None:
            scores["all"].append(reading.f1)
            scores[reading.kind].append(reading.f1)
        for kind, (part, whole) in reading.counts.items():
            counts[kind][0] += part
            counts[kind][1] += whole
    failed = sum(reading.failed for reading in readings)
    row = {"extractor": readings[0].extractor + (f" ({failed} failed)" if failed else ""), "pages": str(len(readings))}
    row["pages/s"] = f"{len(readings) / sum(reading.seconds for reading in readings):.1f}"
    row |= {kind: f"{np.mean(values):.3f}" for kind, values in sorted(scores.items())}
    return row | {kind: f"{part / whole:.3f}" for kind, (part, whole) in counts.items() if whole}


def there(names: list[str]) -> list[str]:
    """The extractors whose library is there; one short page gets all of them ready."""
    found = []
    for name in names:
        try:
            EXTRACTORS[name](f"<html><body><p>{' '.join(PROSE)}</p></body></html>")
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        found.append(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--pages", type=int, help="of each set, evenly chosen; all without it")
    parser.add_argument("--only", action="append")
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--part", default="0/1", help="0/8: each eighth page, from the first on")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        saved = [json.loads(line) for path in options.paths for line in path.read_text().splitlines()]
        print(table([Reading(**reading) for reading in saved]))
        return
    if options.peers:
        sys.path.append(str(options.peers))
    logging.disable()
    part, parts = map(int, options.part.split("/"))
    names, readings = there(options.only or list(EXTRACTORS)), []
    settle()
    models = {number: options.folds / f"fold{number}.npz" for number in range(FOLDS)} if options.folds else {}
    shipped = content.MODEL
    for kind in options.sets.split(","):
        pages = list(SETS[kind](options.paths[0] / "crawl"))
        if options.pages and options.pages < len(pages):
            pages = [pages[number * len(pages) // options.pages] for number in range(options.pages)]
        for page in pages[part::parts]:
            content.MODEL = models.get(fold_of(page.url, FOLDS), shipped) if kind == "wcxb" else shipped
            content.load(content.MODEL)  # not in its seconds
            readings += [read(page, kind, name) for name in names]
    if options.save:
        options.save.write_text("".join(json.dumps(asdict(reading)) + "\n" for reading in readings))
    print(table(readings))


if __name__ == "__main__":
    main()
