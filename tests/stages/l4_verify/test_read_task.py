"""Tasks from the columns that published sets have, checked by the checkers they are for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l4_verify.code_execution import CodeExecution
from stages.l4_verify.math_answer import MathAnswer
from stages.l4_verify.read_task import ReadTask

GSM8K = ReadTask(verifier="math_answer", fields={"question": "question"}, answer_after="####")
MBPP = ReadTask(
    verifier="unit_tests", fields={"answer": "code", "tests": "test_list", "setup": "test_setup_code"}
)  # fmt: skip


def batch(*rows: tuple[str, dict[str, Any]]) -> Batch:
    return Batch(pa.RecordBatch.from_pylist([{"text": text, "meta": json.dumps(meta)} for text, meta in rows]))


def tasks(step: ReadTask, *rows: tuple[str, dict[str, Any]]) -> list[Any]:
    return [json.loads(task) if task else None for task in step.score(batch(*rows))["task"].to_pylist()]


def test_the_answer_stands_behind_its_sign():
    solution = "2 + 2 = 4\n#### 4"
    assert tasks(GSM8K, (solution, {"question": "How many?"}), ("no sign", {"question": "?"}), (solution, {})) == [
        {"verifier": "math_answer", "question": "How many?", "answer": "4"}, None, None,
    ]  # fmt: skip


def test_columns_are_joined_and_lists_are_lines():
    step = ReadTask(
        verifier="unit_tests",
        fields={"answer": ("prompt", "code"), "tests": "test_list"},
        constants={"calls_check": True},
    )
    row = {"prompt": "def f():\n", "code": "    return 1\n", "test_list": ["assert f() == 1", "assert f()"]}
    assert tasks(step, ("", row)) == [
        {
            "verifier": "unit_tests", "calls_check": True, "answer": "def f():\n    return 1\n",
            "tests": "assert f() == 1\nassert f()",
        }
    ]  # fmt: skip


def test_a_file_may_hold_tasks_already():
    task = {"verifier": "math_answer", "answer": "4"}
    assert tasks(ReadTask(), ("", {"task": task}), ("", {"task": "no task"}), ("", {})) == [task, None, None]


def read(path: Path, rows: int) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for _, line in zip(range(rows), lines, strict=False)]


def judged(step: ReadTask, checker: MathAnswer | CodeExecution, rows: Batch) -> list[str]:
    return list(checker.check(rows.with_column(step.columns()[0], step.score(rows)["task"])).verdict)


def test_real_solutions_and_programs_pass(shared_data: Path):
    pytest.importorskip("math_verify")
    solved = batch(
        *(
            (row["answer"], {"question": row["question"]})
            for row in read(shared_data / "verify/gsm8k_train.jsonl.gz", 60)
        )
    )
    assert judged(GSM8K, MathAnswer(), solved).count("pass") >= 58  # two of the set's own solutions may be wrong
    programs = batch(*((row["text"], row) for row in read(shared_data / "verify/mbpp.jsonl.gz", 10)))
    assert judged(MBPP, CodeExecution(minimum_level=1, seconds=2), programs).count("pass") >= 9
