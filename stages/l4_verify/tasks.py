"""The column `task` of a row that a program can check: JSON with `verifier`, `question`, `answer` and what it needs."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from pipeline.steps.checker import Verdict

Judged = tuple[Verdict, str, Mapping[str, Any]]
"""Verdict, defect, evidence."""

NEEDS_TASK = (
    "reads the column 'task', which is not here; put a step before it that writes tasks, or `read_task`, which makes "
    "them of the source's other columns"
)


def task_of(text: str | None) -> dict[str, Any]:
    """The task, or an empty one where the column holds none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class TaskChecker(Checker):
    """A checker of tasks, one row after the other."""

    def check_input(self, schema: pa.Schema) -> None:
        super().check_input(schema)
        if "task" not in schema.names:
            raise ValueError(f"{self.kind} {NEEDS_TASK}")

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts()
        for text, task in zip(batch.text.to_pylist(), batch.column("task").to_pylist(), strict=True):
            verdicts.add(*self.judge(text or "", task_of(task)))
        return verdicts

    @abstractmethod
    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one row."""
