"""L4's code_execution on HumanEval and MBPP: do the known solutions pass, and do changed ones fail?

    python -m benchmarks.l4_code DATA [--every 1] [--changes 3]

DATA is the folder of real data (`verify/humaneval.jsonl.gz`, `verify/mbpp.jsonl.gz`). The reference is a plain harness:
program and tests in one process, as the sets are published. A solution that does not pass there does not run here; a
changed program that fails there has changed its behaviour on the tests, and must not pass in the sandbox.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stages.l4_verify.code_execution import CodeExecution
from stages.l4_verify.sandbox.host import Sandbox, Suite
from stages.l4_verify.sandbox.mutations import mutants
from stages.l4_verify.sandbox.walls import forbid

SECONDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every n-th item")
    parser.add_argument("--changes", type=int, default=3, help="changed programs of each item")
    given = parser.parse_args()
    sandbox = Sandbox(SECONDS)
    print(f"sandbox level {sandbox.level}")
    for name, read in (("humaneval", humaneval), ("mbpp", mbpp)):
        with gzip.open(given.data / "verify" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            tasks = [read(json.loads(line)) for line in lines][:: given.every]
        started, found, odd = time.monotonic(), Counter[str](), []
        for task in tasks:
            label = judge(task, sandbox, given.changes, found)
            if label:
                odd.append(f"{task['id']}: {label}")
        print(f"{name}: {len(tasks)} items, {time.monotonic() - started:.0f} s, {dict(sorted(found.items()))}")
        print("".join(f"  {line}\n" for line in odd), end="", flush=True)


def humaneval(item: dict[str, Any]) -> dict[str, Any]:
    code = item["prompt"] + item["canonical_solution"]
    return {
        "id": item["task_id"], "verifier": "unit_tests", "answer": code, "tests": item["test"],
        "entry_point": item["entry_point"], "setup": item["prompt"], "calls_check": True,
    }  # fmt: skip


def mbpp(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["task_id"], "verifier": "unit_tests", "answer": item["code"], "tests": "\n".join(item["test_list"]),
        "setup": item["test_setup_code"],
    }  # fmt: skip


def judge(task: dict[str, Any], sandbox: Sandbox, changes: int, found: Counter[str]) -> str:
    """Count what happens to one item; what is odd about it, or nothing."""
    if not plain(task["answer"], task):
        found["solution does not run here"] += 1
        return ""
    verdict, defect, evidence = CodeExecution(seconds=SECONDS, minimum_level=1).judge("", task)
    found[f"solution: {verdict} {defect}".strip()] += 1
    suite = Suite(task["tests"], task.get("entry_point", ""), task["setup"], task.get("calls_check", False))
    odd = "" if verdict == "pass" else f"solution: {verdict} {defect} {evidence}"
    for changed in mutants(task["answer"], 1, changes):
        fails, ours = not plain(changed, task), sandbox.run(changed, suite)
        kind = "changed behaviour" if fails else "same behaviour"
        found[f"{kind}: {ours.fate}"] += 1
        if fails and ours.fate == "pass":
            odd += f" passes though it fails plainly:\n{changed}"
    return odd


def plain(code: str, task: dict[str, Any]) -> bool:
    """Program and tests in one process."""
    source = f"{code}\n{task['tests'] if task.get('calls_check') else task['setup']}\n"
    source += f"check({task['entry_point']})" if task.get("calls_check") else task["tests"]
    child = os.fork()
    if not child:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            signal.alarm(5 * SECONDS)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            forbid()
            exec(compile(source, "plain.py", "exec"), {"__name__": "plain"})
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main()
