"""The column `task` of a row that a program can check: JSON with `verifier`, `question`, `answer` and what it needs."""

from __future__ import annotations

import json
from typing import Any

NEEDS_TASK = (
    "reads the column 'task', which is not here; put a step before it that writes tasks (verifier, question, answer), "
    "or read them from the source's column `task`"
)


def task_of(text: str | None) -> dict[str, Any]:
    """The task, or an empty one where the column holds none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
