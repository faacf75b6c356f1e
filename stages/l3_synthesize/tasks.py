"""Tasks whose answer a program checks: from the generators of `reasoning-gym`, and from task files (`task_file.py`).

| column         | type   | meaning                                                                         |
|----------------|--------|---------------------------------------------------------------------------------|
| text           | string | `Question: …`, then `Answer: …`                                                 |
| task           | string | JSON: verifier, question, answer, and what L4 makes the answer from again       |
| form           | string | `{"kind": "task"}`                                                              |
| prompt         | string | the verifier: `reasoning_gym:leg_counting`, `file:train@1`                      |
| source_license | string | of the generator or the task file; no model is in it, so `model_license` is ""  |

The rows are added to those of the level, behind its first shard; a question that comes again is dropped.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.rows.document import content_hash
from pipeline.steps import Producer, Reason, describe, is_fault
from pipeline.store.shard import file_sha256
from stages.l3_synthesize.task_file import read_task_file

GYM_LICENSE = "Apache-2.0"
MAXIMUM = 1_000_000
"""Tasks of one entry: all of a step are made by one process and lie in one shard."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=1, le=MAXIMUM)


class GymDataset(_Entry):
    """Of a data set of reasoning-gym. config: its parameters, which decide how difficult it is."""

    name: str
    config: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if taken := {"seed", "size"} & self.config.keys():
            raise ValueError(f"config of '{self.name}': {sorted(taken)} come from the step's `seed` and `count`")
        return self


class FileTasks(_Entry):
    """Of a task file."""

    path: str


class Tasks(Producer):
    """Add rows whose answer a program checks, from reasoning-gym and task files."""

    kind: Literal["tasks"] = "tasks"
    datasets: tuple[GymDataset, ...] = ()
    files: tuple[FileTasks, ...] = ()
    seed: int = 0
    libraries: ClassVar[tuple[str, ...]] = ("reasoning_gym",)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.datasets and not self.files:
            raise ValueError("give `datasets` of reasoning-gym, `files` of tasks, or both")
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        return tuple(
            pa.field(name, pa.string()) for name in ("prompt", "form", "task", "model_license", "source_license")
        )

    def extras(self) -> tuple[str, ...]:
        return ("tasks",) if self.datasets else ()

    def identity(self) -> dict[str, Any]:
        """A file counts by what is in it (`assets`), not by its path."""
        return self.model_dump(mode="json", exclude={"files"}) | {"files": [entry.count for entry in self.files]}

    def assets(self) -> Mapping[str, str]:
        return {
            f"{place} {read_task_file(one.path).id}": file_sha256(Path(one.path))
            for place, one in enumerate(self.files)
        }

    def resolve(self) -> Iterable[str]:
        """Task files that cannot be read raise here; so do unknown data sets and their parameters."""
        self.assets()
        for entry in self.datasets:
            open_dataset(entry.name, self._config(entry))
        return ()

    def produce(self) -> Iterator[tuple[Mapping[str, Any], Reason | str | None]]:
        seen: set[str] = set()
        for columns, outcome in self._made():
            name = content_hash(columns["text"])
            if outcome is None and name in seen:
                outcome = Reason("repeated_question")
            seen.add(name)
            yield columns, outcome

    def _made(self) -> Iterator[tuple[Mapping[str, Any], Reason | str | None]]:
        for entry in self.datasets:
            config = self._config(entry)
            dataset = open_dataset(entry.name, config)
            for index in range(entry.count):
                yield _gym_row(dataset, entry.name, config, index)
        for place, one in enumerate(self.files):
            found = read_task_file(one.path)
            for index in range(one.count):
                chance = random.Random(content_hash(str(self.seed), str(place), found.id, str(index)))
                try:
                    yield _row(found.make(chance), found.license), None
                except ValueError as error:  # parameters that the expression cannot take, such as a division by 0
                    yield _broken(f"file:{found.id}", index), describe(error)

    def _config(self, entry: GymDataset) -> dict[str, Any]:
        # reasoning-gym takes seed + index for each task: seeds next to each other would share all tasks but one.
        seed = int(content_hash(str(self.seed), entry.name)[:8], 16)
        return {**entry.config, "seed": seed, "size": entry.count}


def open_dataset(name: str, config: Mapping[str, Any]) -> Any:
    """The data set. Raises ValueError for a name that there is not, and for parameters that it does not take."""
    from reasoning_gym.factory import DATASETS, create_dataset

    if name not in DATASETS:
        near = sorted(known for known in DATASETS if set(name.split("_")) & set(known.split("_")))[:8]
        raise ValueError(f"reasoning-gym has no data set '{name}'; near it are {', '.join(near) or sorted(DATASETS)}")
    try:
        return create_dataset(name, **config)
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"data set '{name}' does not take {json.dumps(config)}: {error}") from None


def _gym_row(
    dataset: Any, name: str, config: Mapping[str, Any], index: int
) -> tuple[Mapping[str, Any], Reason | str | None]:
    verifier = f"reasoning_gym:{name}"
    try:
        entry = dataset[index]
        question, answer = entry["question"], entry["answer"]
        if not isinstance(answer, str) or not answer.strip() or not question.strip():
            return _broken(verifier, index), Reason("no_answer")
        score = float(dataset.score_answer(answer, entry))
    except Exception as error:  # one task that its generator cannot make must not cost the others
        if is_fault(error):
            raise
        return _broken(verifier, index), describe(error)
    task = {
        "verifier": verifier, "question": question.strip(), "answer": answer.strip(),
        "config": config, "index": index, "library": version("reasoning-gym"),
    }  # fmt: skip
    row = _row(task, GYM_LICENSE)
    return row, None if score >= 1 else Reason("own_answer_refused", score, 1)


def _row(task: Mapping[str, Any], license: str) -> dict[str, Any]:
    return {
        "text": f"Question: {task['question']}\nAnswer: {task['answer']}",
        "source": task["verifier"],
        "prompt": task["verifier"],
        "form": '{"kind": "task"}',
        "task": json.dumps(task, ensure_ascii=False),
        "model_license": "",
        "source_license": license,
    }


def _broken(verifier: str, index: int) -> dict[str, Any]:
    """What names a task that could not be made."""
    return {"text": "", "source": verifier, "prompt": verifier, "id": f"{verifier} {index}"}
