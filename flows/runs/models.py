"""Train the classifiers that a recipe names by their seeds, once per seeds, settings and code."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.runs.recipe import RecipeError
from flows.runs.texts import read_texts
from pipeline.books.code import code_version
from pipeline.books.fingerprint import canonical, versions
from pipeline.books.manifest import read_rows
from pipeline.errors import is_of_recipe
from pipeline.rows.document import content_hash
from pipeline.run.level import Finished
from pipeline.run.passes import Level
from pipeline.steps import Step
from pipeline.store.artifact import Artifact
from pipeline.store.checked import check_sha256
from pipeline.store.sealed import read_sealed, seal
from pipeline.store.store import Store
from stages.l2_select.score.ensemble import Ensemble
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.train_classifier import TooFewSeeds

if TYPE_CHECKING:
    from flows.runs.run import Run

CARD = "model_card.json"


def with_trained(level: Level, store: Store, parent_id: str) -> Level:
    """The level with those classifiers that an earlier run has trained from the same rows; nothing is trained."""
    steps: list[Step] = []
    for step in level.steps:
        if isinstance(step, FasttextQuality) and step.train is not None and parent_id:
            folder = _folder(step, parent_id)
            step = _with_card(step, store, folder) if store.exists(f"{folder}/{CARD}") else step
        steps.append(step)
    return replace(level, steps=tuple(steps))


def with_models(level: Level, run: Run, parent: Finished | None) -> Level:
    """The level with every classifier trained; models lie under `models/` in the store."""
    steps: list[Step] = []
    skipped: set[str] = set()
    for step in level.steps:
        try:
            if skipped & _read_columns(step):
                skipped |= {column.name for column in step.columns()}
            else:
                steps.append(_fitted(step, run, parent))
        except (ValueError, OSError) as error:
            if not is_of_recipe(error):
                raise
            assert isinstance(step, FasttextQuality)
            assert step.train is not None
            if not isinstance(error, TooFewSeeds) or step.train.if_too_few == "stop":
                raise RecipeError(f"{level.name}: {step.kind}: {error}; give `model`, or other seeds") from error
            run.emit("note", {"text": f"{level.name}: no selection by '{step.column}': {error}"})
            skipped.add(step.column)
    return replace(level, steps=tuple(steps))


def _read_columns(step: Step) -> set[str]:
    """The scores that a step decides by."""
    return set(step.scores) if isinstance(step, Ensemble) else {getattr(step, "column", "")}


def _fitted(step: Step, run: Run, parent: Finished | None) -> Step:
    if not isinstance(step, FasttextQuality) or step.train is None or parent is None:
        return step
    folder = _folder(step, parent.manifest.recipe_id)

    def make() -> bytes:
        run.emit("note", {"text": f"{step.kind}: training a classifier from the recipe's seeds"})
        with tempfile.TemporaryDirectory() as scratch:
            trained = step.fitted(_rows(run, parent), Path(scratch), read_texts)
            # Models are told apart by their hash, since with several threads two runs train two, of which the one whose
            # card comes first counts for both.
            run.store.create(f"{folder}/{trained.sha256}.bin", Path(scratch, "model.bin").read_bytes())
            return seal(Path(scratch, CARD).read_bytes())

    artifact = Artifact(run.store, folder, f"{folder}/{CARD}")
    try:
        artifact.make(make, alone=run.say)
    except TooFewSeeds:
        if step.train.if_too_few == "skip":
            artifact.clear()  # it is what the recipe expects, no failure
        raise
    return _with_card(step, run.store, folder)


def _folder(step: FasttextQuality, parent_id: str) -> str:
    """Where the model trained for this step from these rows lies, or will lie."""
    identity = content_hash(
        canonical(step.identity()),
        canonical(dict(step.assets())),
        code_version(type(step).__module__),
        code_version("stages.l0_collect"),  # reads the seeds
        canonical(versions(["fasttext-community"])),
        parent_id,
    )
    return f"models/{identity[:16]}"


def _with_card(step: FasttextQuality, store: Store, folder: str) -> FasttextQuality:
    found = json.loads(read_sealed(store, f"{folder}/{CARD}"))
    model = f"{folder}/{found['sha256']}.bin"
    check_sha256(store, model, found["sha256"])
    return step.with_card(store.shown(model), found)


def _rows(run: Run, parent: Finished) -> Iterator[pa.RecordBatch]:
    return read_rows(run.store, parent.directory, parent.manifest, "data", ["text", "url"])
