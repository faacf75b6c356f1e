"""L4 on tasks that a program can check: what of a small set, with errors planted in it, is certified in the tour."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds

from flows.runs.certify import check_certificate
from flows.runs.recipe import load_recipe
from flows.runs.run import Waiting, open_run, run_recipe

TASKS = Path(__file__).with_name("tasks.jsonl")


def show_tasks(store: Path) -> str:
    """Run the recipe `demo_tasks`; ends with an error where a wrong row is certified or a right one is not."""
    recipe = load_recipe("demo_tasks", [str(TASKS)])
    run = open_run(str(store), "inline", None, None, recipe.l0_collect.source.paths, quiet=True)
    result = run_recipe(recipe, run)
    assert not isinstance(result, Waiting)
    level = Path(run.store.shown(result.levels[-1].directory))
    certified = ds.dataset(level / "data").to_table(columns=["meta"])["meta"].to_pylist()
    kept = Counter(json.loads(meta)["truth"] for meta in certified)
    truths = Counter(json.loads(line)["truth"] for line in TASKS.read_text(encoding="utf-8").splitlines())
    print(f"\n# L4 on {sum(truths.values())} tasks: {sum(kept.values())} certified\n")
    for truth, rows in truths.items():
        print(f"{kept[truth]:>3} of {rows} certified: {truth}")
    for reason, rows in sorted(result.levels[-1].manifest.dropped.items()):
        print(f"{rows:>3} refused: {reason}")
    if kept != Counter(right=truths["right"]):
        raise SystemExit(f"expected the {truths['right']} right tasks to be certified and no other, found {dict(kept)}")
    if findings := check_certificate(run.store.shown(result.certificate)):
        raise SystemExit(f"the certificate of the tasks does not verify: {findings}")
    return f"tasks: {kept['right']} right ones certified, {sum(truths.values()) - kept['right']} wrong ones refused"
