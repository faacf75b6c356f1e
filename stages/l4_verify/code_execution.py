"""Does a program do what its tests ask? Both run in the sandbox (`sandbox/guest.py`), apart from each other.

A row's column `task` holds them: `{"verifier": "unit_tests", "answer": code, "tests": code}`, and where it has them
`entry_point`, `setup` (trusted helpers), `calls_check` (the tests define `check(candidate)`) and `gold` (a solution
that is known to be right).

| verdict                 | when                                                                                   |
|-------------------------|----------------------------------------------------------------------------------------|
| pass                    | the gold (if any) and both runs pass, and at least one small change of the code fails  |
| fail                    | both runs fail: tests_fail, error, does_not_load, ended_early, too_slow, too_long      |
| abstain no_task         | no such task in the row                                                                |
| abstain gold_fails      | the known solution does not pass: the tests or this sandbox are not fit                |
| abstain not_plain       | the tests need objects of the program, which stay in its own process                   |
| abstain flaky           | one run passes, the other does not                                                     |
| abstain vacuous_tests   | the tests call nothing, or let every change pass                                       |
| abstain timed_out       | (infrastructure) no end by the clock, though processor time was left                   |
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps import Resources
from pipeline.store.shard import file_sha256
from stages.l4_verify.sandbox.host import INSIDE, Sandbox, Suite, shared
from stages.l4_verify.sandbox.mutations import mutants
from stages.l4_verify.tasks import Judged, TaskChecker, task_of

KNOWN = {"verifier": "unit_tests", "answer": "def f(x):\n    return x + 1\n", "tests": "assert f(1) == 2"}


class CodeExecution(TaskChecker):
    """Pass rows whose program passes its tests, twice, where the tests tell it from changed programs.

    seconds, memory_mb: of processor time and memory, for one run. minimum_level: what the sandbox must hold (3: no
    network, files or processes, and a root of its own; 2: the same by the kernel's filter alone, files can be read; 1:
    limits only). A machine that cannot is refused before the first row. mutants: how many changed programs to try.
    """

    kind: Literal["code_execution"] = "code_execution"
    seconds: int = Field(4, ge=1)
    memory_mb: int = Field(512, ge=64)
    minimum_level: Literal[1, 2, 3] = 3
    mutants_tried: int = Field(6, ge=1)
    infrastructure: ClassVar[frozenset[str]] = frozenset({"timed_out"})
    known: ClassVar[Any] = (
        ({"text": "", "task": json.dumps(KNOWN)}, "pass"),
        ({"text": "", "task": json.dumps(KNOWN | {"answer": "def f(x):\n    return x - 1\n"})}, "fail"),
        ({"text": "", "task": json.dumps(KNOWN | {"answer": "import os\nos._exit(0)\n"})}, "fail"),
    )

    def assets(self) -> Mapping[str, str]:
        return {file.name: file_sha256(file) for file in INSIDE}

    def resolve(self) -> Iterable[str]:
        level = self._sandbox.level
        if level < self.minimum_level:
            yield (
                f"code_execution: the sandbox of this machine is of level {level}, minimum_level asks for "
                f"{self.minimum_level}; allow user namespaces (sysctl user.max_user_namespaces) or lower minimum_level"
            )

    def resources(self) -> Resources:
        return Resources(cpus=2)  # the candidate's process, and this one

    def tool(self) -> str:
        return f"sandbox level >= {self.minimum_level}"

    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one task; the row's text is not looked at."""
        code, tests = task.get("answer"), task.get("tests")
        if task.get("verifier") != "unit_tests" or not isinstance(code, str) or not isinstance(tests, str):
            return "abstain", "no_task", {}
        run = Suite(tests, str(task.get("entry_point", "")), str(task.get("setup", "")), bool(task.get("calls_check")))
        if isinstance(task.get("gold"), str):
            gold = self._sandbox.run(task["gold"], run)
            if gold.fate != "pass":
                return "abstain", "gold_fails", {"defect": gold.defect, "error": gold.error}
        first, second = (self._sandbox.run(code, run) for _ in range(2))
        if "timed_out" in (first.fate, second.fate):
            return "abstain", "timed_out", {"seconds": self.seconds}
        if first.fate != second.fate:
            return "abstain", "flaky", {}
        if first.defect == "not_plain":
            return "abstain", "not_plain", {"error": first.error}
        if first.fate == "fail":
            return "fail", first.defect, {"error": first.error, "calls": first.calls}
        tried = mutants(code, 0, self.mutants_tried)
        refused = next((place for place, one in enumerate(tried) if self._sandbox.run(one, run).fate == "fail"), None)
        if refused is None or not first.calls:
            return "abstain", "vacuous_tests", {"calls": first.calls, "changes": len(tried)}
        return "pass", "", {"calls": first.calls, "changes_until_one_failed": refused + 1}

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Rows whose program no longer returns what it should, or cheats."""
        found: dict[str, list[dict[str, Any]]] = {"broken_code": [], "always_equal": [], "early_exit": []}
        for row in rows.to_pylist():
            task = task_of(row.get("task"))
            if task.get("verifier") != "unit_tests":
                continue
            code, chance = str(task["answer"]), random.Random(f"{seed} {row['id']}")
            others = {
                "broken_code": f"{code}\n{task['entry_point']} = lambda *a, **k: {chance.randint(10**6, 10**7)}\n"
                if task.get("entry_point") else "",
                "always_equal": f"{code}\nclass Equal:\n    __eq__ = lambda *a: True\n"
                + f"{task.get('entry_point', '_')} = lambda *a, **k: Equal()\n" if task.get("entry_point") else "",
                "early_exit": f"import os\nos._exit(0)\n{code}",
            }  # fmt: skip
            for kind, changed in others.items():
                if changed:
                    found[kind].append({**row, "task": json.dumps({**task, "answer": changed})})
        return {kind: pa.RecordBatch.from_pylist(changed, rows.schema) for kind, changed in found.items()}

    @property
    def _sandbox(self) -> Sandbox:
        return shared(self.seconds, self.memory_mb << 20)
