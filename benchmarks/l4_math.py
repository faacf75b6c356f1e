"""L4's math_answer on GSM8K's solutions: what seeded errors it catches, and how many untouched ones it fails.

    python -m benchmarks.l4_math DATA [--rows 1000] [--seed 1]

DATA is the folder of real data (`verify/gsm8k_train.jsonl.gz`). Each solution is judged untouched, with another result
in one equation, and with another final answer, once with the known answer at hand and once with only what the changed
row itself says. Untouched solutions that fail are printed, since some are wrong in the set.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import Counter
from pathlib import Path

from pipeline.books.interval import rounded
from stages.l4_verify.math_answer import MathAnswer, change_answer, change_step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with gzip.open(given.data / "verify" / "gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line)["answer"] for line in lines]
    checker, counts = MathAnswer(), {kind: Counter[str]() for kind in ("untouched", "step changed", "answer changed")}
    for number, solution in enumerate(random.Random(given.seed).sample(rows, given.rows)):
        chance = random.Random(f"{given.seed} {number}")
        known = solution.rpartition("####")[2].strip()
        changed = {
            "untouched": solution,
            "step changed": change_step(solution, chance),
            "answer changed": change_answer(solution, chance),
        }
        for kind, text in changed.items():
            if text is not None:
                verdict, defect, evidence = checker.judge(text, {"verifier": "math_answer", "answer": known})
                counts[kind][f"{verdict} {defect}".strip()] += 1
                if kind == "untouched" and verdict == "fail":
                    print(f"  fails untouched: {evidence}")
    print(f"{'':15} rows  share      95 % interval    verdicts")
    for kind, verdicts in counts.items():
        of = sum(verdicts.values())
        told = sum(
            n
            for verdict, n in verdicts.items()
            if verdict.startswith("fail") or (kind != "untouched" and verdict != "pass")
        )
        word = "fail  " if kind == "untouched" else "caught"
        print(f"{kind:15} {of:4}  {told / of:.4f} {word} {rounded(told, of)} {dict(verdicts)}")


if __name__ == "__main__":
    main()
