"""How much of a page's text each extractor finds, what it should have left out, and how fast.

    python -m benchmarks.l0_extract FOLDER [--sets wcxb,mixed,readability] [--every 10] [--only NAME]… [--folds MODELS]

FOLDER holds `crawl/` (WCXB's development pages, pages_mixed, readability_pages). F1, under the pages' kinds, is of the
bags of lower-case words (`\\w+`), each page counting one. `with` and `without` are the shares of the snippets that must
be in the text, and that got in though they must not. `code`, `cells`, `items` and `formulas` are the shares of the code
lines, table cells, list items and formulas of the truth that stand verbatim in the output. Pages/s are of one core.

The model that the package holds has seen WCXB's development pages. With --folds, a folder with `fold0.npz` … that
`l0_content_model train --fold` made, each page is read by the one that has not seen its site.

Peers: trafilatura and resiliparse come with the project; readability-lxml, justext and newspaper4k are left out where
they are not installed.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import hashlib
import json
import logging
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from stages.l0_collect.extract import content
from stages.l0_collect.extract.about import about
from stages.l0_collect.extract.decode import Undecodable, decode
from stages.l0_collect.extract.main_text import main_text
from stages.l0_collect.extract.tree import parse

WORD = re.compile(r"\w+")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.+)$", re.MULTILINE)
FORMULA = re.compile(r"\$\$?([^$\n]{2,200})\$\$?")
FOLDS = 5


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


def wcxb(folder: Path, every: int) -> Iterator[Page]:
    truth = json.loads(gzip.decompress((folder / "wcxb_dev.truth.json.gz").read_bytes()))
    for url, html in _warc(folder / "wcxb_dev.warc.gz", every):
        known = truth[url]
        parts = markdown_parts(known["markdown"])
        yield Page(url, known["type"], html, known["text"], known["with"], known["without"], parts)


def mixed(folder: Path, every: int) -> Iterator[Page]:
    truth = json.loads((folder / "pages_mixed.truth.json").read_text())
    for url, html in _warc(folder / "pages_mixed.warc.gz", every):
        if url in truth:
            yield Page(url, "mixed", html, "", truth[url]["with"], truth[url]["without"])


def readability(folder: Path, every: int) -> Iterator[Page]:
    from lxml.html import document_fromstring  # type: ignore[import-untyped]

    with tarfile.open(folder / "readability_pages.tar.gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers() if member.isfile()}
        for name in sorted(name for name in files if name.endswith("source.html"))[::every]:
            expected = files.get(name.replace("source.html", "expected.html"))
            source = files[name]
            if source and expected:
                tree = document_fromstring(b"<html><body>" + expected.read() + b"</body></html>")
                parts = {
                    "code": [line for code in tree.iter("pre") for line in code.text_content().split("\n")],
                    "cells": [" ".join(cell.text_content().split()) for cell in tree.iter("td", "th")],
                    "items": [" ".join(item.text_content().split()) for item in tree.iter("li") if not len(item)],
                }
                text = " ".join(tree.itertext())
                yield Page(name, "readability", source.read().decode("utf-8", "replace"), text, parts=parts)


SETS: dict[str, Callable[[Path, int], Iterator[Page]]] = {"wcxb": wcxb, "mixed": mixed, "readability": readability}


def _warc(path: Path, every: int) -> Iterator[tuple[str, str]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as stream:
        for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
            if number % every:
                continue
            try:
                html = decode(record.reader.read(), record.http_headers.get("Content-Type") or "")
            except Undecodable:
                html = ""
            yield record.headers["WARC-Target-URI"], html


def markdown_parts(markdown: str) -> dict[str, list[str]]:
    rest = FENCE.sub("", markdown)
    rows = [line.strip() for line in rest.split("\n") if line.lstrip().startswith("|")]
    cells = [cell.strip() for row in rows if re.search(r"\w", row) for cell in row.strip("|").split("|")]
    return {
        "code": [line for code in FENCE.findall(markdown) for line in code.split("\n")],
        "cells": cells,
        "items": [item.strip() for item in ITEM.findall(rest)],
        "formulas": [formula.strip() for formula in FORMULA.findall(rest) if re.search(r"[\\^_=]", formula)],
    }


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

    return " ".join(fromstring(library.Document(html).summary()).itertext())


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


def f1(text: str, truth: str) -> float:
    found, wanted = (collections.Counter(WORD.findall(some.lower())) for some in (text, truth))
    both = sum(found.values()) + sum(wanted.values())
    return 2 * sum((found & wanted).values()) / both if both else 1.0


def plain(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def survived(parts: list[str], text: str) -> tuple[int, int]:
    """(parts that stand in the text, parts); white space within a line may differ, code's indentation must not."""
    wanted = [part for part in parts if re.search(r"\w", part)]
    lines = {line.rstrip() for line in text.split("\n")}
    flat = " ".join(text.split())
    return sum(part.rstrip() in lines or " ".join(part.split()) in flat for part in wanted), len(wanted)


def measure(name: str, pages: list[Page], folds: Path | None) -> dict[str, str]:
    scores: dict[str, list[float]] = collections.defaultdict(list)
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    seconds, failed = 0.0, 0
    for page in pages:
        if name == "ours" and folds:
            _use(folds / f"fold{fold_of(page.url)}.npz")
        start = time.process_time()
        try:
            text = EXTRACTORS[name](page.html)
        except ImportError:
            return {}
        except Exception:  # a peer's defect on a page is an empty text
            text, failed = "", failed + 1
        seconds += time.process_time() - start
        if page.text:
            score = f1(text, page.text)
            scores["all"].append(score)
            scores[page.kind].append(score)
        flat = plain(text)
        for kind, snippets in (("with", page.wanted), ("without", page.unwanted)):
            counts[kind][0] += sum(plain(snippet) in flat for snippet in snippets)
            counts[kind][1] += len(snippets)
        for kind, parts in page.parts.items():
            there, all_of_them = survived(parts, text)
            counts[kind][0] += there
            counts[kind][1] += all_of_them
    row = {"extractor": name + (f" ({failed} failed)" if failed else ""), "pages/s": f"{len(pages) / seconds:.0f}"}
    row |= {kind: f"{np.mean(values):.3f}" for kind, values in sorted(scores.items())}
    return row | {kind: f"{part / whole:.3f}" for kind, (part, whole) in counts.items() if whole}


def fold_of(url: str) -> int:
    """As benchmarks/l0_content_model.py splits the sites."""
    site = ".".join((urlsplit(url).hostname or url).split(".")[-2:])
    return int(hashlib.md5(site.encode()).hexdigest(), 16) % FOLDS


def _use(model: Path) -> None:
    content.MODEL = model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--every", type=int, default=1, help="take every nth page only")
    parser.add_argument("--only", action="append")
    parser.add_argument("--folds", type=Path)
    options = parser.parse_args()
    logging.disable()
    for name in options.sets.split(","):
        pages = list(SETS[name](options.folder / "crawl", options.every))
        rows = [measure(extractor, pages, options.folds if name == "wcxb" else None)
                for extractor in options.only or EXTRACTORS]  # fmt: skip
        rows = [row for row in rows if row]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        print(f"\n{name}: {len(pages)} pages\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for row in rows:
            print(f"| {' | '.join(row.get(column, '') for column in columns)} |", flush=True)


if __name__ == "__main__":
    main()
