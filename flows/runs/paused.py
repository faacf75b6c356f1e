"""Prompts that earlier versions of a data set named for pausing: a run whose policy says `next_run` leaves them out.

A pause is of a prompt in its version with its model: mend the prompt and raise its version, and it is asked again. It
holds for every later run, since the version that was made without the prompt has nothing to say about it. What was left
out shows in the recipe that lies in the release.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.runs.certify import LEVEL, NAME
from flows.runs.recipe import Recipe, RecipeError, load_recipe
from pipeline.publish.defects import over_limit
from pipeline.publish.release import datasets, load_release
from pipeline.steps import Step
from pipeline.store.store import Store
from stages.l3_synthesize.prompts.prompt import find_prompt
from stages.l3_synthesize.rewrite import Rewrite
from stages.l4_verify.policy import Policy


def recipe_to_run(path: str, inputs: Sequence[str], settings: Sequence[str], store: Store) -> tuple[Recipe, list[str]]:
    """The recipe without its paused prompts, and a line for each of them."""
    recipe = load_recipe(path, inputs, settings)
    closing = recipe.l4_verify.steps[-1:] if recipe.l4_verify else ()
    pauses = any(isinstance(step, Policy) and step.pause == "next_run" for step in closing)
    if recipe.l3_synthesize is None or not pauses:
        return recipe, []
    named, lines = _named(store, recipe.dataset), list[str]()
    steps = tuple(_without(step, named, lines) for step in recipe.l3_synthesize.steps)
    level = recipe.l3_synthesize.model_copy(update={"steps": steps})
    return (recipe.model_copy(update={"l3_synthesize": level}), lines) if lines else (recipe, [])


def _named(store: Store, dataset: str) -> dict[str, str]:
    """`prompt by model` → the version whose certificate names it."""
    refs, found = datasets(store).get(dataset), dict[str, str]()
    for version in refs.history if refs else ():
        levels = load_release(store, f"releases/{dataset}/{version}").levels
        folders = [one.manifest.rpartition("/")[0] for one in levels if one.level == LEVEL]
        for folder in folders:
            if store.exists(f"{folder}/{NAME}"):
                for name in over_limit(json.loads(store.read(f"{folder}/{NAME}"))):
                    found.setdefault(name, version)
    return found


def _without(step: Step, named: dict[str, str], lines: list[str]) -> Step:
    if not isinstance(step, Rewrite):
        return step
    model = "template" if step.engine == "template" else Path(step.model).name
    paused = {}
    for written_by, version in named.items():
        prompt, _, by = written_by.partition(" by ")
        if by.partition("@")[0] == model or by == step.model:
            paused[prompt] = version
    kept = [(name, place) for place, name in enumerate(step.prompts) if find_prompt(name).id not in paused]
    if len(kept) == len(step.prompts):
        return step
    gone = [prompt for name in step.prompts if (prompt := find_prompt(name).id) in paused]
    if not kept:
        raise RecipeError(
            f"rewrite: every prompt is paused ({', '.join(gone)}) by certificates of {', '.join(paused.values())}; "
            "mend a prompt and raise its version, name others, or set the policy's pause_over higher or pause: report"
        )
    lines += [f"prompt {prompt} is paused by the certificate of version {paused[prompt]}" for prompt in gone]
    chosen: dict[str, Any] = {"prompts": [name for name, _ in kept]}
    if step.weights:
        chosen["weights"] = [step.weights[place] for _, place in kept]
    return Rewrite.model_validate(step.model_dump(exclude_unset=True) | chosen)
