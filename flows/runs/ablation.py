"""The ablation as the last task of a recipe: proxy models on the levels of a run, and the verdict beside the version.

    ablation: {baseline: l0_collect, heldout: [held/articles.jsonl, held/forums.jsonl], seeds: 3, controls: true}

It judges data and makes none, so it is no part of any recipe id, and a version is published before it begins.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.runs.texts import as_parquet
from pipeline.errors import UsageError
from pipeline.publish.ablated import NAME, place_of
from pipeline.run.level import Finished
from pipeline.store.cache import cache_folder
from pipeline.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pipeline.ablation.tasks import Task

    Taint = Callable[[pa.StringArray], np.ndarray[tuple[int], np.dtype[np.bool_]]]

EXTRA = "ablation"


class AblationSettings(BaseModel):
    """`ablation:` of a recipe; see docs/ablation.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: Literal["toy", "small", "medium"] = "toy"
    baseline: str = "l0_collect"
    """The level that the candidates are compared with."""
    candidates: tuple[str, ...] = ()
    """Levels; the last one of the recipe if none is named."""
    heldout: tuple[str, ...] = ()
    """Texts to judge by, each a domain; without any a slice of each arm."""
    tasks: tuple[str, ...] = ()
    """JSONL of cloze tasks to judge by."""
    seeds: Annotated[int, Field(ge=2)] | None = None
    aa: bool = False
    controls: bool = False
    density: bool = False
    second_rate: bool = False

    def of_levels(self, names: Sequence[str]) -> AblationSettings:
        """With the candidates named; ValueError for levels that the recipe has not."""
        chosen = self.candidates or (names[-1],)
        for name in (self.baseline, *chosen):
            if name not in names:
                raise ValueError(f"ablation: the recipe has no level '{name}'; there are {', '.join(names)}")
        if self.baseline in chosen:
            raise ValueError(
                f"ablation: {self.baseline} would be compared with itself; name other candidates or another baseline"
            )
        return self.model_copy(update={"candidates": chosen})

    def missing_files(self) -> list[str]:
        """What is named and is not there, a line each."""
        return [f"ablation: {path} is not there" for path in (*self.heldout, *self.tasks) if not Path(path).exists()]


def ablate_levels(
    settings: AblationSettings,
    store: Store,
    levels: Sequence[Finished],
    version: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Compare levels of a published version; what `--json` says of it. Finished runs are found in this machine's cache.

    UsageError where they cannot be compared: too little text, an overlapping held-out file.
    """
    from pipeline.ablation import compare
    from pipeline.ablation.files import text_files
    from pipeline.ablation.model import BUDGETS

    dataset = levels[0].manifest.dataset
    folders = {level.manifest.level: store.shown(level.path) for level in levels}
    output = cache_folder() / place_of(dataset, version)
    try:
        arms = {name: text_files(folders[name]) for name in (settings.baseline, *settings.candidates)}
        tasks, taint = read_tasks(settings.tasks)
        verdict = compare.ablate(
            arms.pop(settings.baseline), arms, output, BUDGETS[settings.budget],
            [Path(as_parquet(path)) for path in settings.heldout], settings.seeds, say,
            aa=settings.aa, with_controls=settings.controls, tasks=tasks, taint=taint,
            with_density=settings.density, second_rate=settings.second_rate,
        )  # fmt: skip
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(f"version {version} is published; its ablation did not start: {error}") from error
    keep_result(store, dataset, version, output)
    shutil.rmtree(output / "tokens", ignore_errors=True)  # text in another form, which no takedown would find
    return {
        "verdict": verdict.verdict,
        "metric": verdict.metric,
        "difference": [verdict.difference.mean, verdict.difference.low, verdict.difference.high],
        "result": store.shown(f"{place_of(dataset, version)}/{NAME}"),
    }


def keep_result(store: Store, dataset: str, version: str, output: Path) -> None:
    """Lay a result beside a version of the store, where its report finds it."""
    for name in (NAME, "report.md"):
        store.replace(f"{place_of(dataset, version)}/{name}", (output / name).read_bytes())


def read_tasks(paths: Sequence[str]) -> tuple[list[Task], Taint | None]:
    """Cloze tasks from evaluation sets, and what finds training texts that hold an item: the checker of L4."""
    if not paths:
        return [], None
    import numpy as np

    from pipeline.ablation.tasks import ClozeItem, Task
    from stages.l4_verify.contamination import Contamination
    from stages.l4_verify.evaluation_sets import read_set, set_files

    tasks = []
    for name, path in set_files(tuple(paths)).items():
        items = tuple(
            ClozeItem(item.texts[0], item.texts[1:], item.answer - 1)
            for item in read_set(name, path)
            if item.part == "question" and item.answer and len(item.texts) > 2
        )
        if not items:
            raise ValueError(f"--task {path} has no question with choices of which one is marked as right")
        tasks.append(Task(name, items))
    checker = Contamination(sets=tuple(paths))
    return tasks, lambda texts: np.array(
        [any(hit["part"] == "question" for hit in hits) for hits in checker.hits(texts)]
    )


def verdict_lines(found: Mapping[str, Any]) -> list[str]:
    """For the terminal."""
    mean, low, high = found["difference"]
    return [f"ablation     {found['verdict']}: {mean:+.4f} [{low:+.4f}, {high:+.4f}] bits per byte, lower is better"]
