"""Small steps and a source for tests of the core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.run.grouping import Grouping
from pipeline.run.level import InputFile
from pipeline.run.passes import Level
from pipeline.steps import DocumentFilter, GroupingStep, Reason, Source, SourceBatch, Transform, Transformed, Unit
from pipeline.store.shard import file_sha256


class Lines(Source):
    """One document per line of a text file; empty lines cannot be read."""

    kind: Literal["lines"] = "lines"

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        lines = Path(unit.path).read_text(encoding="utf-8").split("\n")[:-1]
        good = [line for line in lines if line]
        rows = pa.RecordBatch.from_pydict({"text": pa.array(good, pa.string())})
        bad = [(f"line {number}", "", "text is empty") for number, line in enumerate(lines) if not line]
        yield SourceBatch(rows, bad)


class MinWords(DocumentFilter):
    """Drop documents with fewer than `minimum` words."""

    kind: Literal["min_words"] = "min_words"
    minimum: int = 2

    def reason_to_drop(self, document: Document) -> str | None:
        if "poison" in document.text:
            raise ValueError("cannot count poison")
        words = len(document.text.split())
        return Reason("too_few_words", words, self.minimum) if words < self.minimum else None


class Shout(Transform):
    """Upper-case every text; a batch with the word `bomb` in it raises."""

    kind: Literal["shout"] = "shout"

    def transform(self, batch: Batch) -> Transformed:
        texts = batch.text.to_pylist()
        if any("bomb" in text for text in texts):
            raise RuntimeError("boom")
        return Transformed(batch.with_text(pa.array([text.upper() for text in texts])), {"shouted": len(batch)})


class SameFirstWord(GroupingStep):
    """Keep one document per first word: that with the smallest id."""

    kind: Literal["same_first_word"] = "same_first_word"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("group_size", pa.int32()),)

    def group(self, grouping: Grouping) -> None:
        grouping.decide(grouping.reduce("decide", self.decide, grouping.map("keys", self.keys)))

    def keys(self, batch: Batch, _: Any) -> pa.Table:
        keys = [int.from_bytes(text.split()[0].encode()[:8].ljust(8), "big") for text in batch.text.to_pylist()]
        return pa.table(
            {
                "key": pa.array(keys, pa.uint64()),
                "row": pa.array(np.arange(len(batch)), pa.int32()),
                "id": batch.column("id"),
            }
        )

    def decide(self, members: pa.Table) -> pa.Table:
        decisions = []
        rows = sorted(members.to_pylist(), key=lambda row: (row["key"], row["id"], row["shard"], row["row"]))
        for number, row in enumerate(rows):
            size = sum(other["key"] == row["key"] for other in rows)
            repeat = number > 0 and rows[number - 1]["key"] == row["key"]
            decisions.append((row["shard"], row["row"], "repeat" if repeat else None, float(size), 1.0, size))
        columns = list(zip(*decisions, strict=True))
        types = (pa.int32(), pa.int32(), pa.string(), pa.float64(), pa.float64(), pa.int32())
        names = ("shard", "row", "rule", "value", "threshold", "group_size")
        return pa.table(
            {name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}
        )


def write_lines(folder: Path, *files: list[str]) -> list[InputFile]:
    """One text file per list of lines."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, lines in enumerate(files):
        path = folder / f"{number}.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        found.append(InputFile(str(path), file_sha256(path)))
    return found


def l0(*steps: Any) -> Level:
    return Level("l0_collect", "toy", steps, Lines())


def l1(*steps: Any) -> Level:
    return Level("l1_filter", "toy", steps)


def silent(event: str, fields: Any) -> None:
    """An `emit` that nobody hears."""
