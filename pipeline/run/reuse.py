"""Shards of earlier levels that a new one needs just so: a folder grew by a file, and the others are not read again.

A level's name follows from all its inputs, so a new file makes a new level; but what a task makes of its shard follows
from that shard, the steps and the code alone. So a finished level leaves a list of its tasks' keys, and the next one of
the same data set copies what has a key that it looks for, instead of making it again. The bytes are the same either
way, and so is the content id.

    reuse/<level>/<dataset>-<recipe_id>.json    keys of the shards, in their order

Not for passes that come after a shuffle, since what they do to a shard follows from all the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from pydantic import BaseModel

from pipeline.books.fingerprint import recipe_id
from pipeline.books.manifest import ShardRecord, dump, load
from pipeline.rows.document import content_hash
from pipeline.run.passes import takes_whole
from pipeline.run.rowpass import RowTask
from pipeline.steps import Unit
from pipeline.store.damage import Damaged
from pipeline.store.shard import stored_sha256
from pipeline.store.store import Store

FOLDER = "reuse"
COPIED_AT_ONCE = 8


class Keys(BaseModel):
    """What a finished level's tasks were."""

    directory: str
    keys: list[str]


def keys_of(tasks: Sequence[RowTask]) -> list[str]:
    """A key for each task, by all that decides its files; empty where other shards decide too."""
    if not tasks or tasks[0].decided or tasks[0].before or tasks[0].directory.count("/") != 1:
        return []
    if takes_whole(tasks[0].steps):
        return []
    level = tasks[0].directory.partition("/")[0]
    steps = (*((tasks[0].source,) if tasks[0].source else ()), *tasks[0].steps)
    shared = recipe_id(level, [str(tasks[0].schema), str(tasks[0].position), str(tasks[0].keep_dropped_text)], steps)
    return [content_hash(shared, *chain.from_iterable(map(_unit, task.units)), repr(task.poison)) for task in tasks]


def _unit(unit: Unit) -> tuple[str, ...]:
    return unit.sha256, str(unit.start), str(unit.stop), unit.name, repr(unit.parts)


def note(store: Store, tasks: Sequence[RowTask]) -> None:
    """Leave the keys for later levels, once all tasks are done."""
    if not (keys := keys_of(tasks)):
        return
    directory = tasks[0].directory
    store.create(f"{FOLDER}/{directory}.json", dump(Keys(directory=directory, keys=keys)))
    for path, one in _lists(store, directory):
        if set(one.keys) < set(keys):  # of a folder that has grown since
            store.remove(path)


def copied(store: Store, tasks: Sequence[RowTask]) -> dict[int, ShardRecord]:
    """Records of those tasks whose work an earlier level has, by the task's index; their files are copied."""
    keys = keys_of(tasks)
    known = _known(store, tasks[0].directory) if keys else {}
    found = [(index, known[key]) for index, key in enumerate(keys) if key in known]
    with ThreadPoolExecutor(COPIED_AT_ONCE) as pool:
        records = pool.map(lambda one: (one[0], _copy(store, tasks[one[0]], one[1])), found)
        return {index: record for index, record in records if record is not None}


def _known(store: Store, directory: str) -> Mapping[str, str]:
    """Key → path of the shard's record, from earlier levels of the same name and data set."""
    known: dict[str, str] = {}
    for _, one in _lists(store, directory):
        records = (f"{one.directory}/shards/part-{shard:05d}.json" for shard in range(len(one.keys)))
        known.update(zip(one.keys, records, strict=True))
    return known


def _lists(store: Store, directory: str) -> Iterator[tuple[str, Keys]]:
    prefix = f"{FOLDER}/{directory.rpartition('-')[0]}-"
    for path in store.list(f"{FOLDER}/{directory.partition('/')[0]}"):
        if path.startswith(prefix):
            with contextlib.suppress(FileNotFoundError):  # another run had no more use for it
                yield path, load(Keys, store, path)


def _copy(store: Store, task: RowTask, source: str) -> ShardRecord | None:
    """The record of the task, made of another's; None if that is not there any more as it was written."""
    directory = source.partition("/shards/")[0]
    try:
        record = load(ShardRecord, store, source)
        files = []
        for file in record.files:
            folder = file.path.removeprefix(f"{directory}/").rpartition("/")[0]
            path = f"{task.directory}/{folder}/part-{task.shard:05d}.parquet"
            store.copy(file.path, path)
            if stored_sha256(store, path) != file.sha256:  # a purge has changed it since
                store.remove(path)
                return None
            files.append(file.model_copy(update={"path": path}))
    except (FileNotFoundError, Damaged):
        return None
    mine = record.model_copy(update={"shard": task.shard, "files": files})
    store.create(task.record, dump(mine))
    return load(ShardRecord, store, task.record)
