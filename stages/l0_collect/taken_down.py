"""Drop what was taken down; the last step of every L0 whose store holds tombstones, whatever its recipe says.

| rule | drops a document                                          |
|------|-----------------------------------------------------------|
| text | whose text is that of one that was taken down             |
| url  | of that URL                                               |
| host | of that host, or of one below it                          |

Ids are made after this step, and follow from URL and text, so the text stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pipeline.books.tombstones import Targets, targets_of
from pipeline.rows.batch import Batch
from pipeline.steps import Filter, Judgement
from pipeline.store.store import locate


class TakenDown(Filter):
    """Drop documents that tombstones name."""

    libraries: ClassVar[tuple[str, ...]] = ("idna",)
    kind: Literal["taken_down"] = "taken_down"
    tombstones: tuple[str, ...]
    """Their locations; each is named by its content."""

    def identity(self) -> dict[str, Any]:
        """Without places: the same requests in another store give the same rows."""
        return {"kind": self.kind}

    def assets(self) -> Mapping[str, str]:
        names = sorted(path.rpartition("/")[2] for path in self.tombstones)
        return {f"tombstone {number}": name.removesuffix(".json") for number, name in enumerate(names)}

    def prepare(self) -> None:
        _targets(self.tombstones)

    def judge(self, batch: Batch) -> Judgement:
        judgement = Judgement(len(batch))
        for rule, meant in _targets(self.tombstones).find(batch.rows).items():
            judgement.drop(meant, rule)
        return judgement


@lru_cache(maxsize=4)
def _targets(paths: tuple[str, ...]) -> Targets:
    return targets_of(locate(path) for path in paths)
