"""The process in which `task_answer` makes tasks of reasoning-gym again, and which is killed where one hangs."""

from __future__ import annotations

import functools
import json
from typing import Any

from pipeline.processes import serve


@functools.lru_cache(maxsize=16)
def _dataset(name: str, config: str) -> Any:
    from reasoning_gym.factory import create_dataset

    return create_dataset(name, **json.loads(config))


def make(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    entry = _dataset(request["name"], json.dumps(request["config"], sort_keys=True))[request["index"]]
    return {"question": entry["question"].strip(), "answer": entry["answer"].strip()}


def load() -> None:
    import reasoning_gym  # noqa: F401  takes two seconds


if __name__ == "__main__":
    serve(make, load)
