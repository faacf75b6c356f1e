"""The column `task` from what a set of tasks brings along, so that GSM8K, MBPP or a file of one's own can be verified.

Sources keep the columns that no document has in `meta`; this step makes of them what the checkers of tasks read
(`tasks.py`). One entry for GSM8K, whose known answer stands at the end of its solution, and one for MBPP:

    {kind: read_task, verifier: math_answer, fields: {question: question}, answer_after: "####"}
    {kind: read_task, verifier: unit_tests, fields: {question: text, answer: code, tests: test_list}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.steps import Scorer

TASK = pa.field("task", pa.string())


class ReadTask(Scorer):
    """Make the column `task` of each row's other columns.

    verifier: which checker judges it. fields: field of the task → column of the input, or several that are joined as
    they are; a list in a column becomes lines. A row without one of them gets no task. answer_after: the known answer
    is what stands behind the last of these signs in the row's text. constants: fields that are the same in all rows.
    from_column: take the whole task from this column instead, where the file holds tasks of this form already.
    """

    kind: Literal["read_task"] = "read_task"
    verifier: str = ""
    fields: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    answer_after: str = ""
    constants: dict[str, str | bool] = Field(default_factory=dict)
    from_column: str = "task"

    def columns(self) -> tuple[pa.Field, ...]:
        return (TASK,)

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        tasks = []
        for text, meta in zip(batch.text.to_pylist(), batch.column("meta").to_pylist(), strict=True):
            task = self._task(text or "", json.loads(meta or "{}"))
            tasks.append(json.dumps(task, ensure_ascii=False) if task else None)
        return {TASK.name: pa.array(tasks, TASK.type)}

    def _task(self, text: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        if not self.verifier:
            whole = row.get(self.from_column)
            return whole if isinstance(whole, dict) else None
        task: dict[str, Any] = {"verifier": self.verifier, **self.constants}
        for name, columns in self.fields.items():
            values = [row.get(column) for column in ((columns,) if isinstance(columns, str) else columns)]
            if any(value is None for value in values):
                return None
            task[name] = "".join("\n".join(map(str, one)) if isinstance(one, list) else str(one) for one in values)
        if self.answer_after:
            _, sign, answer = text.rpartition(self.answer_after)
            if not sign:
                return None
            task["answer"] = answer.strip()
        return task
