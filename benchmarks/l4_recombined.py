"""Statements made of a source's own words that it does not make: how many of them does `faithfulness` pass?

    python -m benchmarks.l4_recombined [--half tune|held_out] [--show]

`l4_recombined.jsonl` holds 25 sources in four languages, each with three faithful rewrites and three wrong ones that
bring no number, name or denial of their own. All were written and committed before a rule was made for them. Rules are
made by looking at the half `tune` alone; the half `held_out` says what they are worth.

| kind         | the rewrite                                                            |
|--------------|------------------------------------------------------------------------|
| other_answer | answers with a number, date or name that answers another question      |
| recombined   | puts words of several sentences together into a statement of its own   |
| swapped      | exchanges two things that the source says of two others                |
| no_answer    | repeats its question, or says nothing                                  |
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline.books.interval import rounded
from stages.l4_verify.faithfulness import Faithfulness

PAIRS = Path(__file__).with_suffix(".jsonl")
HALVES = ("tune", "held_out")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, action="append", help="both when not given")
    parser.add_argument("--show", action="store_true", help="what passes though wrong, and what does not though right")
    given = parser.parse_args()
    entries = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    for half in given.half or HALVES:
        print(f"{half}:")
        report([entry for entry in entries if entry["half"] == half], given.show)


def report(entries: list[dict[str, Any]], show: bool) -> None:
    """Print what does not pass of the wrong rewrites, by kind, and of the right ones, by language."""
    checker = Faithfulness()
    wrong, right = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for entry in entries:
        texts = [("right", one) for one in entry["right"]] + [(one["kind"], one["text"]) for one in entry["wrong"]]
        for kind, text in texts:
            verdict, defect, evidence = checker._judge(text, entry["source"])
            if kind == "right":
                right[entry["language"], verdict] += 1
            else:
                wrong[kind, verdict] += 1
            if show and (kind == "right") != (verdict == "pass"):
                print(f"  {kind}: {verdict} {defect} {evidence.get('claim', '')}\n    {text}\n    {entry['source']}")
    of, passed = wrong.total(), sum(count for (_, verdict), count in wrong.items() if verdict == "pass")
    print(f"  wrong rewrites that do not pass: {of - passed} of {of} {rounded(of - passed, of)}")
    for kind in sorted({kind for kind, _ in wrong}):
        print(f"    {kind}: {wrong[kind, 'fail']} fail, {wrong[kind, 'abstain']} abstain, {wrong[kind, 'pass']} pass")
    of, failed = right.total(), sum(count for (_, verdict), count in right.items() if verdict == "fail")
    print(f"  right rewrites that fail: {failed} of {of} {rounded(failed, of)}")
    for language in sorted({language for language, _ in right}):
        counts = ", ".join(f"{right[language, one]} {one}" for one in ("fail", "abstain", "pass"))
        print(f"    {language}: {counts}")


if __name__ == "__main__":
    main()
