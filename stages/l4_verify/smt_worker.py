"""The process in which z3 answers for the checker `smt`, and which is killed where it hangs."""

from __future__ import annotations

from typing import Any

from pipeline.processes import serve


def prove(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """Whether the premises can hold, and whether they can together with the claim denied."""
    premises = _solver(request["premises"], request["effort"])
    denied = _solver(f"{request['premises']}\n(assert (not {request['claim']}\n))", request["effort"])
    held = str(premises.check())
    if held != "sat":
        return {"premises": held}
    found = str(denied.check())
    return {"premises": held, "denied": found, "case": str(denied.model()) if found == "sat" else ""}


def _solver(script: str, effort: int) -> Any:
    import z3

    solver = z3.Solver()
    solver.set("rlimit", effort)  # a count of steps: the same on a slow machine as on a fast one
    solver.add(z3.parse_smt2_string(script))
    return solver


def load() -> None:
    import z3  # noqa: F401


if __name__ == "__main__":
    serve(prove, load)
