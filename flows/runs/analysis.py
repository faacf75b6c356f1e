"""Look at files before a run: what each rule of a recipe measures on a sample, and which documents it would drop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from flows.runs.inputs import find_paths
from flows.runs.recipe import LEVELS, Recipe, RecipeError
from flows.runs.report import measuring
from pipeline.report.rules import SampleView, view_of
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.run.incoming import identify
from pipeline.run.measure import Measured, measure
from pipeline.steps import Source, Step, Unit
from pipeline.steps.extras import missing
from stages import l0_collect


@dataclass(frozen=True)
class Analysis:
    """What was found in a sample of the files."""

    view: SampleView
    measured: Measured
    files: int
    parts: int
    """Of the files, as a run would read them; the sample is from `read` of them."""
    read: int
    documents: int
    """In what was read."""
    unreadable: list[tuple[str, str]]
    """(place, error)"""


def analyze(recipe: Recipe, sample: int) -> Analysis:
    """Read parts of the files in an order drawn by their names until there are enough documents, and measure them.

    Steps that compare documents, ask models or people are left out, and so are those whose packages are not there.
    """
    source = recipe.l0_collect.source
    paths = find_paths(recipe)
    units = [unit for path in paths for unit in _units(source, path)]
    order = sorted(units, key=lambda unit: content_hash(unit.path, str(unit.start)))
    batches: list[pa.RecordBatch] = []
    unreadable: list[tuple[str, str]] = []
    documents, read = 0, 0
    for unit in order:
        read += 1
        for documents_here, bad in _documents(source, recipe.l0_collect.steps, unit):
            unreadable += bad
            documents += documents_here.num_rows
            batches.append(documents_here)
        if documents >= sample:
            break
    if not documents:
        why = f"; the first problem: {unreadable[0][0]}: {unreadable[0][1]}" if unreadable else ""
        raise RecipeError(f"no document could be read from {', '.join(paths[:3])}{why}")
    rows = _sampled(batches, sample)
    batch = Batch(rows)
    measured = Measured(batch, [], {})
    for level in LEVELS[1:3]:  # what comes after writes new text
        steps = getattr(getattr(recipe, level), "steps", ())
        there = [step for step in steps if not missing(step.extras())]
        found = measure(measuring(there), measured.batch)
        absent = {step.kind: "; ".join(missing(step.extras())) for step in steps if step not in there}
        measured = Measured(found.batch, measured.rules + found.rules, measured.left_out | found.left_out | absent)
    where = f" of {documents:,} that were read" if len(batch) < documents else ""
    return Analysis(
        view_of(measured, batch.text.to_pylist(), where), measured, len(paths), len(units), read, documents, unreadable
    )


def _units(source: Source, path: str) -> list[Unit]:
    sha256 = source.identify(path) or l0_collect.identify(path)[0]
    return source.units(path, sha256)


def _documents(
    source: Source, steps: Sequence[Step], unit: Unit
) -> Iterator[tuple[pa.RecordBatch, list[tuple[str, str]]]]:
    """Documents with ids, after the steps of L0, and what could not be read."""
    for found in source.read(unit):
        bad = [(place, error) for place, _, error in found.quarantined]
        rows = found.rows
        if rows.num_rows and steps:
            batch = Batch(rows)
            for step in steps:
                step.prepare()
                outcome = step.process(batch)  # type: ignore[attr-defined]  # L0's steps look at one row
                keep = [
                    row not in outcome.errors and (outcome.judgement is None or bool(outcome.judgement.kept[row]))
                    for row in range(len(batch))
                ]
                batch = Batch(outcome.batch.rows.filter(pa.array(keep, pa.bool_())))
            rows = batch.rows
        if rows.num_rows and "text" in rows.schema.names:
            rows = rows.filter(rows.column("text").is_valid())
            rows = identify(Batch(rows)).rows
            names = [name for name in ("id", "text", "text_hash", "url", "source") if name in rows.schema.names]
            yield rows.select(names), bad
        elif bad:
            yield pa.RecordBatch.from_pydict({"id": pa.array([], pa.string())}), bad


def _sampled(batches: list[pa.RecordBatch], sample: int) -> pa.RecordBatch:
    """The documents with the smallest ids: a draw that does not depend on the order."""
    table = pa.concat_tables(
        [pa.Table.from_batches([one]) for one in batches if one.num_rows], promote_options="default"
    )
    chosen = table.sort_by("id").slice(0, sample).combine_chunks()
    return chosen.to_batches()[0]
