"""The process in which math-verify compares two answers; run as a file by `math_answer`, and killed where it hangs.

math-verify sets alarms, which work in a main thread only, and says "unequal" where it ran out of time. So it gets no
limits of its own here: the process ends by the kernel's, and whoever asked knows that there was no answer.
"""

from __future__ import annotations

from typing import Any

from math_verify import parse, verify
from math_verify.errors import TimeoutException

from pipeline.processes import serve


def compare(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """Whether the gold is read and equals itself, and whether the answer equals it."""
    try:
        gold, answer = (parse(request[name], parsing_timeout=None) for name in ("gold", "answer"))
        if not gold or not verify(gold, gold, timeout_seconds=None):
            return {"gold": False}
        return {
            "gold": True,
            "read": bool(answer),
            "equal": bool(answer) and verify(gold, answer, timeout_seconds=None),
        }
    except TimeoutException:
        return {"timed_out": True}


if __name__ == "__main__":
    serve(compare)
