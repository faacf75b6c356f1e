"""How far runs are, for others to see while they go on: `runs/<run>/progress.json`, which `orefine show --watch` reads.

Written at most every two seconds, beside the event log that is complete at the end of each level. A run that was killed
leaves its last word; on its own machine it is known to be dead.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from flows.runs.progress import shards_line
from pipeline.store.store import Store
from pipeline.store.temporary import is_dead_here

EVERY = 2.0
FILE = "progress.json"


class Progress(BaseModel):
    """The last word of a run."""

    run: str
    owner: str
    """host:process"""
    time: float
    ended: str = ""
    """published, waiting, failed; empty while it goes on."""
    note: str = ""
    fields: dict[str, Any] = {}
    """Of the last shard that was done."""

    @property
    def is_over(self) -> bool:
        host, _, process = self.owner.rpartition(":")
        return bool(self.ended) or is_dead_here(host, int(process))

    def line(self) -> str:
        """For people."""
        if self.ended:
            return f"{self.run}  {self.ended}{f': {self.note}' if self.note else ''}"
        said = shards_line(self.fields) if self.fields else "starting"
        return f"{self.run}  {said}" + ("; its process is gone, so run the same command again" if self.is_over else "")


class Live:
    """Listens to a run. What goes wrong with its file is no matter of the run."""

    def __init__(self, store: Store, run: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock, self._wrote = store, clock, 0.0
        self._said = Progress(run=run, owner=f"{socket.gethostname()}:{os.getpid()}", time=clock())

    def __call__(self, event: str, fields: Mapping[str, Any]) -> None:
        if event == "shard_done":
            self._said.fields = dict(fields)
            if self._clock() - self._wrote >= EVERY or fields["done"] == fields["of"]:
                self._write()
        elif event == "level_started":
            self._said.fields = {"level": fields["level"], "done": 0, "of": fields["shards"]}
            self._write()
        elif event in ("published", "failed", "waiting"):
            self._said.ended, self._said.note = event, str(fields.get("note", ""))
            self._write()

    def _write(self) -> None:
        self._said.time = self._wrote = self._clock()
        with contextlib.suppress(Exception):
            path = f"runs/{self._said.run}/{FILE}"
            self._store.replace(path, self._said.model_dump_json(indent=1).encode())


class Ends:
    """Tells of each run of a store that ends from now on, once; `orefine serve` says it on its terminal."""

    def __init__(self, store: Store) -> None:
        self._store, self._over = store, set[str]()
        self.new()

    def new(self) -> list[Progress]:
        """The runs that have ended since the last call. A store that does not answer is asked again next time."""
        found = []
        with contextlib.suppress(Exception):
            for path, said in _last_words(self._store, self._over):
                if said.is_over:
                    self._over.add(path)
                    found.append(said)
        return found


def watch(store: Store, sleep: Callable[[float], None] = time.sleep) -> Iterator[Progress]:
    """Each new word of the store's runs, until none of them goes on. What was over before is not told."""
    told: dict[str, float] = {}
    is_first = True
    while True:
        going_on = False
        for path, said in _last_words(store):
            going_on = going_on or not said.is_over
            if said.time != told.get(path) and not (is_first and said.is_over):
                yield said
            told[path] = said.time
        if not going_on:
            return
        is_first = False
        sleep(EVERY)


def _last_words(store: Store, but: Collection[str] = ()) -> Iterator[tuple[str, Progress]]:
    """The last word of each run of a store, with the file that it is in. but: files that are not read."""
    for path in store.list("runs"):
        if path.endswith(f"/{FILE}") and path not in but:
            try:
                said = Progress.model_validate_json(store.read(path))
            except (FileNotFoundError, ValueError):
                continue
            yield path, said
