"""A tiny store with pages in it, of which some are to be taken down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow as pa

from pipeline.publish.release import Release, publish
from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner
from pipeline.steps import SourceBatch, Unit
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, l0, l1, silent, write_lines

APPLE = "https://shop.example/apple the apple pie of the house, with more than enough words"
PEAR = "https://www.shop.example/pear a pear tart that nobody else has, and many words about it"
COPY = "https://copy.example/apple the apple pie of the house, but told by another shop, at length"
PLUM = "https://other.example/plum our plum cake is quite another thing, and stays where it is"


class Pages(Lines):
    """A document per line: its URL, then its text."""

    kind: Literal["pages"] = "pages"  # type: ignore[assignment]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        pages = [line.split(" ", 1) for line in Path(unit.path).read_text(encoding="utf-8").splitlines()]
        urls, texts = zip(*pages, strict=True)
        yield SourceBatch(pa.RecordBatch.from_pydict({"text": pa.array(texts), "url": pa.array(urls)}), [])


def refine(folder: Path, *pages: str) -> tuple[LocalStore, Release]:
    """Two levels and a version: of pages with one first word one stays, the text of the others is kept beside it."""
    store = LocalStore(folder / "store")
    inputs = write_lines(folder / f"input-{len(pages)}", list(pages))
    first = run_level(replace(l0(), source=Pages()), store, InlineRunner(), silent, inputs)
    level = replace(l1(MinWords(), SameFirstWord()), keep_dropped_text=True)
    second = run_level(level, store, InlineRunner(), silent, parent=first)
    return store, publish(store, [first, second])


def text_of(page: str) -> str:
    return page.split(" ", 1)[1]
