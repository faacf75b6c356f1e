"""Score files with a quality classifier outside a recipe: every input column, the score, and how the scores spread.

| file                    | rows                                                                  |
|-------------------------|-----------------------------------------------------------------------|
| <stem of input>.parquet | those of the input, in order, with the score as one more column       |
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.runs.recipe import RecipeError
from pipeline.errors import is_of_recipe
from pipeline.rows.batch import Batch
from pipeline.run.incoming import text_bytes
from pipeline.store.bounded import BoundedFile
from pipeline.store.local import LocalStore
from pipeline.store.shard import ShardWriter, split_by_bytes
from stages import l0_collect
from stages.l0_collect.readers.jsonl import JsonlSource
from stages.l2_select.score.fasttext_quality import FasttextQuality

SUFFIXES = re.compile(r"(\.(parquet|jsonl|json|ndjson|gz|zst|zstd))+$", re.IGNORECASE)
FINE = 10_000
"""Bins that quantiles are read from: they are right to 0.0001."""
BINS = 20
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
BAR = 40


@dataclass
class Spread:
    """How scores between 0 and 1 spread, in bounded memory."""

    counts: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(FINE, np.int64))
    total: float = 0.0
    missing: int = 0

    def add(self, scores: pa.Array) -> None:
        values = scores.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
        self.missing += scores.null_count
        self.total += float(values.sum())
        self.counts += np.bincount(np.clip((values * FINE).astype(np.int64), 0, FINE - 1), minlength=FINE)

    def as_json(self) -> dict[str, Any]:
        rows = int(self.counts.sum())
        up_to = np.cumsum(self.counts)
        at = {str(share): float(np.searchsorted(up_to, share * rows)) / FINE for share in QUANTILES if rows}
        return {
            "rows": rows + self.missing,
            "without_score": self.missing,
            "mean": self.total / rows if rows else None,
            "quantiles": at,
            "histogram": [int(part) for part in self.counts.reshape(BINS, -1).sum(axis=1)],
        }


def score_files(
    step: FasttextQuality, files: Sequence[Path], output: Path, text_column: str = "text"
) -> dict[str, Any]:
    """Write each file with its scores into `output`; what came out and how fast, as `--json` prints it.

    RecipeError if the model cannot be used or a file has no such column: before anything is written.
    """
    if output.exists() and not output.is_dir():
        raise RecipeError(f"--output {output} is a file; give a folder")
    names = [SUFFIXES.sub("", file.name) for file in files]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise RecipeError(f"several inputs are called {', '.join(sorted(repeated))}; score them into separate folders")
    for name, file in zip(names, files, strict=True):
        if (output / f"{name}.parquet").resolve() == file.resolve():
            raise RecipeError(f"{file} would be replaced by its own scores; give another folder with --output")
        _check_replaced(output / f"{name}.parquet", step.column)
    try:
        step.check_model()
    except (ValueError, OSError) as error:
        if not is_of_recipe(error):
            raise
        raise RecipeError(str(error)) from error
    schemas = [_schema(file, step, text_column) for file in files]
    step.score(Batch(pa.RecordBatch.from_pydict({"text": ["loads the compiled loops, off the clock"]})))
    store, spread, size, scoring, lost = LocalStore(output), Spread(), 0, 0.0, 0
    started = time.perf_counter()
    for file, name, schema in zip(files, names, schemas, strict=True):
        with ShardWriter(store, f"{name}.parquet", schema) as writer:
            for rows, bad in _read(file, text_column):
                lost += bad
                batch = Batch(_with_text(rows, text_column if _is_parquet(file) else "text"))
                before = time.process_time()
                scores = step.score(batch)[step.column] if len(rows) else pa.array([], pa.float32())
                scoring += time.process_time() - before
                size += text_bytes(batch.rows)
                spread.add(scores)
                writer.write(pa.RecordBatch.from_arrays([*rows.columns, scores], schema=schema))
            (output / f"{name}.parquet").unlink(missing_ok=True)  # what an earlier call left
            writer.commit("data")
    (output / "tmp").rmdir()
    return {
        "files": [str(output / f"{name}.parquet") for name in names],
        "model": dict(step.assets()),
        "column": step.column,
        **spread.as_json(),
        "unreadable_lines": lost,
        "text_bytes": size,
        "scoring_cpu_seconds": round(scoring, 3),
        "mb_per_cpu_second": round(size / 1e6 / scoring, 2) if scoring else None,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _check_replaced(file: Path, column: str) -> None:
    """An earlier result may be replaced; a file without such a score is somebody else's."""
    try:
        ours = not file.exists() or column in pq.read_schema(file).names
    except pa.ArrowInvalid:
        ours = False
    if not ours:
        raise RecipeError(
            f"{file} is there and holds no column '{column}', so it is no earlier result of this command; "
            "give another folder with --output"
        )


def find_files(names: Sequence[str], store: str) -> list[Path]:
    """Parquet and JSONL files as given, and those of folders, manifests, levels and releases."""
    from pipeline.ablation.files import text_files
    from pipeline.publish.release import UnknownRef

    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_file() and path.name != "manifest.json" and l0_collect.kind_for(name) in ("parquet", "jsonl"):
            found.append(path)
            continue
        try:
            found += text_files(data_location(name, store))
        except (UnknownRef, FileNotFoundError) as error:
            raise RecipeError(f"'{name}' is no Parquet or JSONL file, folder, manifest or release: {error}") from None
    return found


def data_location(name: str, store: str) -> str:
    """A path or URL as it is; else where the release of that name lies in the store."""
    from pipeline.publish.release import resolve
    from pipeline.store.store import open_store

    if is_path(name):
        return name
    place = open_store(store)
    return place.shown(resolve(place, name))


def is_path(name: str) -> bool:
    """Whether a name is that of a file, a folder or a URL, and not of a release."""
    return "://" in name or Path(name).exists()


def spread_lines(result: dict[str, Any]) -> list[str]:
    """The result for people: histogram, quantiles, speed."""
    most = max(result["histogram"]) or 1
    lines = [
        f"{number / BINS:.2f} {'#' * -(-BAR * count // most):<{BAR}} {count:>9,}"
        for number, count in enumerate(result["histogram"])
    ]
    lines.append("quantiles  " + "  ".join(f"{float(share):g}: {at:.4f}" for share, at in result["quantiles"].items()))
    speed = result["mb_per_cpu_second"] or 0
    lines.append(
        f"{result['rows']:,} rows, {result['without_score']:,} without a score, {result['unreadable_lines']:,} lines "
        f"unreadable; {result['text_bytes'] / 1e6:,.1f} MB scored at {speed} MB per CPU second"
    )
    return [*lines, *result["files"]]


def _schema(file: Path, step: FasttextQuality, text_column: str) -> pa.Schema:
    schema = pq.read_schema(file) if _is_parquet(file) else _jsonl_schema(file, text_column)
    if _is_parquet(file) and text_column not in schema.names:
        raise RecipeError(f"{file} has no column '{text_column}', only {', '.join(schema.names)}; set --text-column")
    if step.column in schema.names:
        raise RecipeError(f"{file} has a column '{step.column}' already; name another one with --column")
    return schema.append(step.columns()[0])


def _jsonl_schema(file: Path, text_column: str) -> pa.Schema:
    try:
        JsonlSource(text_column=text_column).units(str(file), "")
    except ValueError as error:  # no JSON, or no such key
        raise RecipeError(str(error)) from None
    return _JSONL


_JSONL = pa.schema([(name, pa.string()) for name in ("text", "url", "source", "date", "source_id", "meta")])


def _is_parquet(file: Path) -> bool:
    return l0_collect.kind_for(file.name) == "parquet"


def _read(file: Path, text_column: str) -> Iterator[tuple[pa.RecordBatch, int]]:
    """(rows, lines that are no documents)"""
    if _is_parquet(file):
        with open(file, "rb") as stream:
            opened = BoundedFile(stream)
            for group in range(opened.metadata.num_row_groups):
                for part in opened.parts(group):
                    yield opened.decode(part), 0
        return
    source = JsonlSource(text_column=text_column)
    for unit in source.units(str(file), ""):  # several of a large file
        for found in source.read(unit):
            for rows in split_by_bytes(found.rows):
                yield rows.select(_JSONL.names), 0
            if found.quarantined:
                yield found.rows.slice(0, 0).select(_JSONL.names), len(found.quarantined)


def _with_text(rows: pa.RecordBatch, text_column: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([rows.column(text_column).cast(pa.string())], ["text"])
