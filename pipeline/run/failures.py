"""How a level fails: one line that names level, task and fault, and the way on."""

from __future__ import annotations

from pipeline.errors import OrefineError
from pipeline.steps import describe


class LevelError(OrefineError):
    """The level cannot give a result that anybody should use."""


def failed(level: str, task: str, error: BaseException) -> LevelError:
    return LevelError(
        f"{level}: {task} failed with {describe(error)}. No row was blamed and nothing was published; "
        "finished shards are kept, so mend the cause and run the same command again"
    )
