"""Whether a small input can hold the seeds that a recipe takes from it, asked before L0 reads a row in earnest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import pyarrow.compute as pc

from flows.runs.recipe import Recipe
from pipeline.steps import Source
from stages import l0_collect
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.settings import MINIMUM_ROWS, TrainSpec
from stages.l2_select.train.train_classifier import rows_of_classes

SMALL = 16 << 20
"""Bytes of input that are read ahead, in well under a second; a larger one is tried, since it will mostly do."""


def too_few_seeds(recipe: Recipe, paths: Sequence[str]) -> list[str]:
    """A line for each classifier that the rows of these files are too few to train, though nothing else were wrong.

    Rows are counted as they come, which is at most what the level will find.
    """
    if recipe.l2_select is None or not paths or any("://" in path or not os.path.isfile(path) for path in paths):
        return []
    source = recipe.l0_collect.source
    if source.inputs() is not None or sum(map(os.path.getsize, paths)) > SMALL:
        return []
    problems = []
    for step in recipe.l2_select.steps:
        if not isinstance(step, FasttextQuality) or step.train is None or step.train.if_too_few == "skip":
            continue
        for name, rows in _rows_of(step.train, source, paths).items():
            if rows < MINIMUM_ROWS:
                problems.append(
                    f"l2_select: {step.kind}: the input holds at most {rows} rows for the {name}, and a classifier "
                    f"needs {MINIMUM_ROWS} distinct texts of each class; give more input, seeds as files (`paths`), a "
                    f"`model`, or --set l2_select.{step.kind}.train.if_too_few=skip to go without"
                )
    return problems


def _rows_of(train: TrainSpec, source: Source, paths: Sequence[str]) -> Counter[str]:
    """Rows of each class that is taken from the input by host or as the rest of it."""
    found = Counter({name: 0 for name, seeds in train.classes().items() if not seeds.paths})
    for path in paths if found else ():
        for unit in source.units(path, l0_collect.identify(path)[0]):
            for batch in source.read(unit):
                if "url" not in batch.rows.schema.names:
                    return Counter()  # `check_input` says so
                for name, rows in rows_of_classes(train, batch.rows).items():
                    found[name] += pc.sum(rows).as_py() or 0
    return found
