"""One random changed byte in a stored file: is it noticed by whoever reads that kind of file?

    python -m benchmarks.damage [--tries 60] [--json FILE]

A small store is made once. For each kind of file, a byte at a random place is changed, what reads the file is done, and
the file is put back. Noticed: an error. Silent: none, with the answer of the untouched store or with another one; the
first happens where the byte lies in a part that this reader does not look at.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.commands.explain import trace
from flows.runs.inputs import find_paths, identify
from flows.runs.recipe import Recipe
from flows.runs.run import open_run, run_recipe
from pipeline.ablation.files import read_texts, text_files
from pipeline.books.manifest import Manifest, load
from pipeline.publish.export import export_hf
from pipeline.publish.release import resolve
from pipeline.publish.verify import verify_release
from pipeline.run.grouping import Grouping
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.ledger import DIRECTORY, Ledger
from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Reply
from pipeline.store.local import LocalStore
from pipeline.store.partitions import read_bucket
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from tests.flows.helpers import QUICK_TRAINING

DOCUMENTS = 140
SAYS_SO = re.compile("is damaged: |changed since the run was planned")
"""An error of another kind would be one by luck, such as of a parser."""


@dataclass(frozen=True)
class Kind:
    """A kind of file and what is done with it."""

    files: list[Path]
    read: Callable[[], object]
    """Gives the answer; raises if it notices."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.tries)
    print(
        "| file | read by | tries | noticed | silent, same answer | silent, another answer |\n|---|---|---|---|---|---|"
    )
    for name, counts in found.items():
        print(f"| {name} | {options.tries} | " + " | ".join(str(count) for count in counts.values()) + " |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measure(folder: Path, tries: int, seed: int = 0, only: str = "") -> dict[str, dict[str, int]]:
    """`file | reader` → tries by what came of them."""
    drawn = random.Random(seed)
    found = {}
    for name, kind in kinds(folder):
        if only in name:
            right = kind.read()
            counts = {"noticed": 0, "same": 0, "other": 0}
            for _ in range(tries):
                counts[_one(kind, drawn, right)] += 1
            assert kind.read() == right, f"{name}: an earlier try has left something"
            found[name] = counts
            print(name, counts, file=sys.stderr)
    return found


def _one(kind: Kind, drawn: random.Random, right: object) -> str:
    file = drawn.choice(kind.files)
    whole = file.read_bytes()
    place = drawn.randrange(len(whole))
    _write(file, whole[:place] + bytes([whole[place] ^ drawn.randrange(1, 256)]) + whole[place + 1 :])
    try:
        return "same" if kind.read() == right else "other"
    except Exception as error:
        if not SAYS_SO.search(f"{error} {error.__cause__}"):  # a task's failure names the task, its cause the file
            raise
        return "noticed"
    finally:
        _write(file, whole)


def _write(file: Path, data: bytes) -> None:
    file.unlink()  # released files are read-only
    file.write_bytes(data)


def kinds(folder: Path) -> Iterator[tuple[str, Kind]]:
    """A store with three levels, and what reads its files."""
    inputs, store = _inputs(folder / "in"), LocalStore(folder / "store")
    recipe = _recipe(inputs, [{"kind": "exact_duplicates", "index": True}, {"kind": "near_duplicates", "index": True}])
    run = run_of(recipe, store)
    run()
    directory = resolve(store, "toy")
    release = store.shown(directory)
    level = {path.parts[-3]: path for path in Path(store.root).glob("l*/*/manifest.json")}
    collected, filtered = level["l0_collect"], level["l1_filter"]
    manifest = load(Manifest, store, str(filtered.relative_to(store.root)))
    data = [filtered.parent / path for path in manifest.paths("data")]
    name = pq.read_table(data[0])["id"][0].as_py()

    yield "manifest of a level | run", Kind(list(level.values()), run)
    yield "shard record | run", Kind([*collected.parent.glob("shards/*")], partial(resumed, collected, run))
    yield "manifest of a release | export", Kind([Path(release, "manifest.json")], lambda: export(store, directory))
    yield "file of a release | export", Kind([*Path(release).glob("data/*")], lambda: export(store, directory))
    yield "card of a release | export", Kind([Path(release, "README.md")], lambda: export(store, directory))
    yield "ref | run", Kind([Path(store.root, "refs/toy.json")], run)
    yield "model card | run", Kind([*Path(store.root).glob("models/*/*.json")], run)
    yield "trained model | run", Kind([*Path(store.root).glob("models/*/*.bin")], run)
    yield "data of a level | next level", Kind(data, lambda: again(store, recipe, "l2_select"))
    yield (
        "data of a level | duplicates",
        Kind([*collected.parent.glob("data/*")], lambda: again(store, recipe, "l1_filter")),
    )
    yield "data of a level | explain a row in it", Kind(data[:1], lambda: trace(store, name))
    yield "data of a level | explain a row elsewhere", Kind(data[1:], lambda: trace(store, name))
    yield "data of a level | ablation", Kind(data, lambda: [t.to_pylist() for t in read_texts(text_files(filtered))])
    yield "index | later level", Kind([*filtered.parent.glob("index/*")], lambda: against(store, inputs, filtered))
    yield "input | level 0", _input(folder, store, inputs)
    yield "shuffle | reduce", _shuffle(store, [str(path.relative_to(store.root)) for path in data])
    yield "stored replies | find", _replies(store)
    every = [path for path in Path(release).rglob("*") if path.is_file()] + [Path(store.root, "refs/toy.json")]
    every += [path for one in level.values() for path in one.parent.rglob("*") if path.is_file()]
    yield "any file of release or levels | verify", Kind(every, lambda: checked(store, directory))


def _inputs(folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    drawn = random.Random(0)
    words = ["".join(drawn.choices("abcdefghijklmnop", k=6)) for _ in range(400)]
    texts = [" ".join(drawn.choices(words, k=60)) for _ in range(DOCUMENTS - 10)]
    texts += texts[:5] + [f"{text} and more" for text in texts[5:10]]
    paths = []
    for number in range(2):
        rows = [{"text": t, "url": f"https://{n % 2}.test/{n}"} for n, t in enumerate(texts) if n % 2 == number]
        paths.append(str(folder / f"{number}.parquet"))
        pq.write_table(pa.Table.from_pylist(rows), paths[-1])
    return paths


def _recipe(inputs: list[str], steps: list[dict[str, Any]], dataset: str = "toy") -> Recipe:
    seeds = {"positives": {"hosts": ["0.test"]}, "negatives": {"rest": True}}
    levels = {
        "l0_collect": {"source": {"kind": "parquet", "paths": inputs}},
        "l1_filter": {"steps": steps},
        "l2_select": {
            "steps": [
                {"kind": "fasttext_quality", "train": seeds | QUICK_TRAINING},
                {"kind": "top_fraction", "fraction": 0.5},
            ]
        },
    }
    return Recipe.model_validate(
        {"dataset": dataset, "allow_empty": True} | levels
    )  # all may be copies of earlier ones


def run_of(recipe: Recipe, store: LocalStore) -> Callable[[], str]:
    """The recipe as the command runs it; its content id."""

    def run() -> str:
        return run_recipe(recipe, open_run(store.root, "inline", None, None, (), quiet=True)).release.content_id

    return run


def again(store: LocalStore, recipe: Recipe, name: str) -> str:
    """The level once more, though it is there."""
    (folder,) = Path(store.root, name).iterdir()
    folder.rename(Path(store.root, "kept"))
    try:
        return run_of(recipe, store)()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(store.root, "kept").rename(folder)


def resumed(manifest: Path, run: Callable[[], str]) -> str:
    """A run that was killed just before it wrote this manifest."""
    manifest.unlink(missing_ok=True)
    return run()


def export(store: LocalStore, directory: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        export_hf(store, directory, Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def against(store: LocalStore, inputs: list[str], earlier: Path) -> str:
    """A data set of the same documents, compared with the earlier level."""
    steps = [{"kind": kind, "against": [str(earlier)]} for kind in ("near_duplicates", "exact_duplicates")]
    recipe = _recipe(inputs, steps, "later").model_copy(update={"l2_select": None})
    try:
        return run_of(recipe, store)()
    finally:
        for folder in Path(store.root).glob("l1_filter/later-*"):
            shutil.rmtree(folder)
        shutil.rmtree(Path(store.root, "releases", "later"), ignore_errors=True)


def _input(folder: Path, store: LocalStore, inputs: list[str]) -> Kind:
    recipe = _recipe(inputs, [])
    (level, *_) = recipe.levels()
    planned = [identify(path) for path in find_paths(recipe)]

    def read() -> str:
        place = LocalStore(folder / "collected")
        try:
            return run_level(level, place, InlineRunner(), lambda *_: None, planned).manifest.content_id
        finally:
            shutil.rmtree(place.root, ignore_errors=True)

    return Kind([Path(path) for path in inputs], read)


def _shuffle(store: LocalStore, paths: list[str]) -> Kind:
    shards = [
        ShardRows(number, path, pq.read_metadata(store.shown(path)).num_rows) for number, path in enumerate(paths)
    ]

    def read() -> list[Any]:
        grouping = Grouping(store, InlineRunner(), "work", shards)
        shutil.rmtree(Path(store.root, "work", "repeats"), ignore_errors=True)
        ExactDuplicates().group(grouping)
        assert grouping.decisions is not None
        return read_bucket(store, grouping.decisions, None).to_pylist()

    read()
    return Kind([*Path(store.root, "work", "keys").iterdir()], read)


def _replies(store: LocalStore) -> Kind:
    ledger = Ledger(store)
    keys = [f"key {number}" for number in range(40)]
    for key in keys:
        ledger.record(Reply(key, f"the reply to {key}", "stop"))
    ledger.flush()
    return Kind([*Path(store.root, DIRECTORY).iterdir()], lambda: Ledger(store).find(keys))


def checked(store: LocalStore, directory: str) -> bool:
    if findings := verify_release(store, directory):
        raise ValueError(findings[0])
    return True


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
