"""A producer among the steps of a level: its rows once, however many shards there are, and each with its end."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.run.level import Finished, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Producer, Reason, Step
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, l0, silent, write_lines


class Counting(Producer):
    """Makes `count` rows; refuses the second and fails at the third."""

    kind: Literal["counting"] = "counting"
    count: int = 2_500

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("task", pa.string()),)

    def produce(self) -> Iterator[tuple[Mapping[str, Any], Reason | str | None]]:
        for n in range(self.count):
            outcome = {1: Reason("refused", n, 0), 2: "cannot make this"}.get(n)
            yield {"text": f"made row {n}", "source": "counting", "task": str(n)}, outcome


def run(folder: Path, *steps: Step, files: int = 3) -> tuple[Finished, list[list[dict[str, Any]]]]:
    store = LocalStore(folder / "store")
    inputs = [one for n in range(files) for one in write_lines(folder / f"input{n}", [f"read line {n}", "alone"])]
    first = run_level(l0(), store, InlineRunner(), silent, inputs)
    level = run_level(Level("l3", "toy", steps), store, InlineRunner(), silent, parent=first)
    paths = sorted(Path(store.shown(f"{level.directory}/data")).glob("*.parquet"))
    return level, [pq.read_table(path).to_pylist() for path in paths]


def test_rows_are_added_once_behind_the_first_shard(tmp_path: Path):
    level, shards = run(tmp_path, Counting())
    manifest = level.manifest
    assert [len(shard) for shard in shards] == [2 + 2_498, 2, 2]
    assert (manifest.rows_in, manifest.rows_made, manifest.rows_out, manifest.quarantined) == (6, 2_500, 2_504, 1)
    assert manifest.dropped == {"counting.refused": 1}
    read, made = shards[0][:2], shards[0][2:]
    assert all(row["task"] is None for row in read)
    assert [row["task"] for row in made] == ["0", *map(str, range(3, 2_500))]
    assert len({row["id"] for row in made}) == 2_498
    assert all(row["url"] == "" and row["source"] == "counting" and len(row["text_hash"]) == 32 for row in made)


def test_the_steps_behind_it_see_its_rows(tmp_path: Path):
    level, _ = run(tmp_path, Counting(count=10), MinWords(minimum=3), files=1)
    assert level.manifest.dropped == {"counting.refused": 1, "min_words.too_few_words": 1}  # 'alone'
    assert level.manifest.by_step["02 min_words"].rows_in == 10
    assert level.manifest.rows_out == 9
