"""A stand-in for Lean's REPL: speaks its protocol and knows some proofs by heart. Real Lean is not in it."""

import json
import sys

WARNING = {"severity": "warning", "pos": {"line": 1, "column": 8}, "data": "declaration uses 'sorry'"}
ERROR = {"severity": "error", "pos": {"line": 1, "column": 8}, "data": "decide failed: proposition is false"}


def answer(command: str) -> dict:
    if "versionString" in command:
        return {
            "env": 0,
            "messages": [{"severity": "info", "pos": {"line": 1, "column": 0}, "data": '"4.0.0-stand-in"'}],
        }
    if "hang" in command:
        raise SystemExit
    if "unknown_name" in command:
        return {"env": 1, "messages": [{**ERROR, "data": "unknown identifier 'unknown_name'"}]}
    if "sorry" in command:
        rests = "'orefine_claim' depends on axioms: [sorryAx]"
        sorries = [{"pos": {"line": 1, "column": 30}, "goal": "False", "proofState": 0}]
        return {"env": 1, "sorries": sorries, "messages": [WARNING, {**WARNING, "severity": "info", "data": rests}]}
    if "= 5" in command:
        return {"env": 1, "messages": [ERROR]}
    rests = "'orefine_claim' does not depend on any axioms"
    if "omega" in command:
        rests = "'orefine_claim' depends on axioms: [propext, Quot.sound]"
    if "cheat" in command:
        rests = "'orefine_claim' depends on axioms: [propext, cheat]"
    return {"env": 1, "messages": [{"severity": "info", "pos": {"line": 3, "column": 0}, "data": rests}]}


if __name__ == "__main__":
    asked = ""
    for line in sys.stdin:
        if line.strip():
            asked += line
        elif asked:
            print(json.dumps(answer(json.loads(asked)["cmd"]), indent=1), end="\n\n", flush=True)
            asked = ""
