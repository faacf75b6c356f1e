"""Is a task's answer the one that its generator gives? The task is made again from what the row says, and compared.

For rows of L3's step `tasks`: verifier `reasoning_gym:<data set>` (made again from its parameters, seed and index, in a
process that is killed where it hangs) and `file:<name>` (template and expression with the row's parameters).

| verdict                    | when                                                                             |
|----------------------------|----------------------------------------------------------------------------------|
| pass                       | question and answer of the text are those that come out                          |
| fail wrong_answer          | the text states another answer                                                   |
| fail wrong_question        | the text asks something else                                                     |
| fail wrong_task            | the task itself holds another question or answer than comes out                  |
| abstain no_task            | no task of these verifiers                                                       |
| abstain not_readable       | what the task holds makes no task                                                |
| abstain other_version      | (infrastructure) it was made with another version of reasoning-gym               |
| abstain timed_out          | (infrastructure) not made again in the time allowed                              |

Answers are compared as text, those of files also as numbers. reasoning-gym's own scoring is not used on what a row
states: parts of it evaluate the answer as code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps.asked_process import AskedProcess, NoAnswer, Raised
from pipeline.steps.expression import ExpressionError, evaluate, fill
from stages.l4_verify.tasks import Judged, TaskChecker, task_of

GYM, FILE = "reasoning_gym:", "file:"
QUESTION, ANSWER = "Question: ", "\nAnswer: "

_KNOWN = {
    "verifier": "file:known@1", "question": "What is 2 + 3?", "answer": "5", "template": "What is {a} + {b}?",
    "expression": "a + b", "parameters": {"a": 2, "b": 3},
}  # fmt: skip


class TaskAnswer(TaskChecker):
    """Pass rows whose question and answer are those that the task's generator makes. seconds: for one task."""

    kind: Literal["task_answer"] = "task_answer"
    seconds: float = Field(20.0, gt=0)
    libraries: ClassVar[tuple[str, ...]] = ("reasoning_gym",)
    infrastructure: ClassVar[frozenset[str]] = frozenset({"timed_out", "other_version"})
    known: ClassVar[Any] = tuple(
        ({"text": f"Question: What is 2 + 3?\nAnswer: {answer}", "task": json.dumps(_KNOWN)}, verdict)
        for answer, verdict in (("5", "pass"), ("6", "fail"))
    )

    def extras(self) -> tuple[str, ...]:
        return ("tasks",)

    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one row."""
        verifier = str(task.get("verifier", ""))
        if not verifier.startswith((GYM, FILE)):
            return "abstain", "no_task", {}
        try:
            made = self._from_gym(task) if verifier.startswith(GYM) else _from_file(task)
        except NoAnswer:
            return "abstain", "timed_out", {}
        if isinstance(made, str):
            return "abstain", made, {}
        question, answer = made
        is_same = _equal if verifier.startswith(FILE) else str.__eq__
        if task.get("question") != question or not is_same(str(task.get("answer")), answer):
            return "fail", "wrong_task", {"question": question[:200], "answer": answer[:200]}
        head = f"{QUESTION}{question}{ANSWER}"
        if not text.startswith(head):
            return "fail", "wrong_question", {"question": question[:200]}
        stated = text.removeprefix(head).strip()
        evidence = {"answer": stated[:200], "known": answer[:200]}
        return ("pass", "", evidence) if is_same(stated, answer) else ("fail", "wrong_answer", evidence)

    def _from_gym(self, task: Mapping[str, Any]) -> tuple[str, str] | str:
        """Question and answer made again, or why not."""
        try:
            installed = version("reasoning-gym")
        except PackageNotFoundError:
            installed = ""
        if task.get("library") != installed:
            return "other_version"
        asked = {"name": task["verifier"].removeprefix(GYM), "config": task.get("config"), "index": task.get("index")}
        try:
            found = _WORKER.ask({**asked, "seconds": self.seconds})
        except Raised:
            return "not_readable"
        return found["question"], found["answer"]

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Rows whose text states another answer, or whose task and text both do."""
        found: dict[str, list[dict[str, Any]]] = {"answer_changed": [], "key_changed": []}
        for row in rows.to_pylist():
            task = task_of(row.get("task"))
            if not str(task.get("verifier", "")).startswith((GYM, FILE)):
                continue
            other = _another(str(task["answer"]), random.Random(f"{seed} {row['id']}"))
            changed = {**row, "text": row["text"].rpartition(ANSWER)[0] + ANSWER + other}
            found["answer_changed"].append(changed)
            found["key_changed"].append({**changed, "task": json.dumps({**task, "answer": other}, ensure_ascii=False)})
        return {kind: pa.RecordBatch.from_pylist(changed, rows.schema) for kind, changed in found.items()}


_WORKER = AskedProcess("-m", "stages.l4_verify.task_worker")


def _from_file(task: Mapping[str, Any]) -> tuple[str, str] | str:
    values = task.get("parameters")
    if not isinstance(values, dict) or any(type(value) is not int for value in values.values()):
        return "not_readable"
    try:
        answer = evaluate(str(task.get("expression")), values)
        return fill(str(task.get("template")), values), str(answer)
    except ExpressionError:
        return "not_readable"


def _equal(stated: str, known: str) -> bool:
    if stated == known:
        return True
    if len(stated) > 2 * len(known) + 20 or "e" in stated.casefold():  # 1e999999999 is a number, too
        return False
    try:
        return Fraction(stated) == Fraction(known)
    except (ValueError, ZeroDivisionError):
        return False


def _another(answer: str, chance: random.Random) -> str:
    """An answer that differs: of a number another number, of other text one more or another character."""
    if answer.lstrip("-").isdecimal():
        return str(int(answer) + chance.choice((-10, -1, 1, 2, 10)))
    place = chance.randrange(len(answer) + 1)
    return answer[:place] + chance.choice("0123456789abc") + answer[place:]
