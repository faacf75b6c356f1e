"""One mechanism for what is found by its name: a level, a shard, a model, an ablation run, a release, …

| state   | means                                                        | the next run        |
|---------|--------------------------------------------------------------|---------------------|
| absent  | nobody has tried                                             | makes it            |
| leased  | somebody is at it, and was alive less than LEASE_SECONDS ago | waits or makes it   |
| waiting | people have to do something first; the note says what        | makes it            |
| failed  | the last attempt ended in an error, or without a word        | tries again         |
| done    | its `done` file is there                                     | finds it            |

Only `done` is content: one file (record, card, manifest), written last and never replaced. What is known of attempts
lies beside it, in `state/<key>.json`. It is for leases and for people: who loses it loses no data.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from pipeline.errors import WaitsForPeople
from pipeline.store.store import Store
from pipeline.store.temporary import is_dead_here

LEASE_SECONDS = 60.0
"""An owner renews its lease three times in this span; whoever is silent for longer is dead."""
POLL_SECONDS = 2.0
KEPT_ATTEMPTS = 10
FOLDER = "state"
SILENT = "the attempt ended without a word: its process was killed, or its machine was lost"

Name = Literal["absent", "leased", "waiting", "failed", "done"]


class Attempt(BaseModel):
    """One try to make an artifact."""

    owner: str
    """host:process"""
    started: datetime
    expires: datetime
    ended: datetime | None = None
    error: str = ""

    @property
    def is_live(self) -> bool:
        host, _, process = self.owner.rpartition(":")
        # The lease of a process of this machine that is gone need not be sat out.
        return self.ended is None and self.expires > datetime.now(UTC) and not is_dead_here(host, int(process))


class State(BaseModel):
    """What is known of an artifact that is not done."""

    done: str
    """The file whose presence means done."""
    attempts: list[Attempt] = Field(default_factory=list)
    note: str = ""
    """What people have to do."""
    superseded: str = ""
    """What was made since of another input or recipe; what has failed here may not be wanted any more."""

    @property
    def name(self) -> Name:
        if any(attempt.is_live for attempt in self.attempts):
            return "leased"
        if self.note:
            return "waiting"
        return "failed" if self.attempts else "absent"

    @property
    def error(self) -> str:
        """Why the last attempt failed."""
        ended = [attempt for attempt in self.attempts if not attempt.is_live]
        return (ended[-1].error or SILENT) if ended else ""


class Artifact:
    """Something with a name in a store: found, or made once by whoever comes first."""

    def __init__(self, store: Store, key: str, done: str) -> None:
        """`key`: its place in the store; what lies below it in `state/` goes when it is done."""
        self.key, self.done = key, done
        self._store, self._path = store, f"{FOLDER}/{key}.json"

    def found(self) -> bytes | None:
        """The `done` file's content, if it is there."""
        return self._store.read(self.done) if self._store.exists(self.done) else None

    def state(self) -> Name:
        return "done" if self._store.exists(self.done) else self._read()[1].name

    def make(self, work: Callable[[], bytes], alone: Callable[[str], None] | None = None, lease: bool = True) -> bytes:
        """The content: found, or what `work` returns, written as `done`; of two makers the first one counts.

        `alone`: for what is dear and not deterministic; waits as long as another maker lives, and is told so. Makers
        of deterministic bytes do not wait: two of them are harmless. `lease=False`: for what there are thousands of, in
        processes that may be killed: no state is written, and whoever hears of a failure calls `fail`.
        """
        if (found := self.found()) is not None:
            return found
        mine = self._begin(alone) if lease else None
        if mine and (found := self.found()) is not None:  # the other maker has done it, while this one waited
            self.clear()
            return found
        try:
            with self._renewed(mine):
                data = work()
            made = self._store.create(self.done, data)
        except BaseException as error:
            if mine:
                self.fail(error, mine)
            if isinstance(error, WaitsForPeople):
                self.wait(str(error))
            elif isinstance(error, Exception):
                with contextlib.suppress(Exception):  # the store may be what is broken
                    # Another maker was faster, and tidied up what this one still read.
                    if (found := self.found()) is not None:
                        if mine:
                            self.clear()
                        return found
            raise
        if mine:
            self.clear()
        return data if made else self._store.read(self.done)

    @contextlib.contextmanager
    def leased(self, alone: Callable[[str], None]) -> Iterator[None]:
        """Hold the lease for work that writes `done` by itself, such as a lot of a crawl, which fills for a minute."""
        mine = self._begin(alone)
        try:
            with self._renewed(mine):
                yield
        except BaseException as error:
            self.fail(error, mine)
            raise
        self.clear()

    def fail(self, error: BaseException, attempt: Attempt | None = None) -> None:
        """Write down how an attempt ended. A fault here is not told: it would hide the one that matters."""
        now = datetime.now(UTC)
        ended = (attempt or _attempt()).model_copy(update={"ended": now, "error": _line(error)})
        with contextlib.suppress(Exception):
            self._change(lambda state: _put(state, ended))

    def wait(self, note: str) -> None:
        """People have to do something first."""
        self._change(lambda state: setattr(state, "note", note))

    def supersede(self, by: str) -> None:
        """Something else was made since; the next attempt at this forgets it."""
        self._change(lambda state: setattr(state, "superseded", by))

    def clear(self) -> None:
        """Forget the attempts at this and at what lies below it."""
        self._store.remove(self._path)
        self._store.remove(f"{FOLDER}/{self.key}")

    def _begin(self, alone: Callable[[str], None] | None) -> Attempt:
        told = False
        while True:
            before, state = self._read()
            live = [attempt for attempt in state.attempts if attempt.is_live]
            if alone and live and not self._store.exists(self.done):
                if not told:
                    alone(f"{self.key}: {live[0].owner} is at it; waiting")
                told = True
                time.sleep(POLL_SECONDS)
                continue
            mine = _attempt()
            _put(state, mine)
            if self._store.compare_and_swap(self._path, before, _dump(state)):
                return mine

    @contextlib.contextmanager
    def _renewed(self, mine: Attempt | None) -> Iterator[None]:
        """Keep the lease while the work goes on, however long a library keeps this thread."""
        if mine is None:
            yield
            return
        over = threading.Event()

        def renew() -> None:
            while not over.wait(LEASE_SECONDS / 3):
                mine.expires = _expiry()
                with contextlib.suppress(Exception):  # the work itself will meet what is wrong with the store
                    self._change(lambda state: _put(state, mine))

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _read(self) -> tuple[bytes | None, State]:
        before = self._store.read(self._path) if self._store.exists(self._path) else None
        return before, State.model_validate_json(before) if before else State(done=self.done)

    def _change(self, change: Callable[[State], None]) -> None:
        while True:
            before, state = self._read()
            change(state)
            if self._store.compare_and_swap(self._path, before, _dump(state)):
                return


def unfinished(store: Store) -> dict[str, State]:
    """By key, what is leased, failed or waiting in a store."""
    found = {}
    for path in store.list(FOLDER):
        if path.endswith(".json"):
            with contextlib.suppress(FileNotFoundError):  # done meanwhile
                state = State.model_validate_json(store.read(path))
                if not store.exists(state.done):
                    found[path.removeprefix(f"{FOLDER}/").removesuffix(".json")] = state
    return found


def supersede(store: Store, prefixes: tuple[str, ...], by: str) -> None:
    """Say of what failed, and has a key that begins with one of these, that something else was made since."""
    for key, state in unfinished(store).items():
        if key.startswith(prefixes) and state.name == "failed":
            Artifact(store, key, state.done).supersede(by)


def _put(state: State, attempt: Attempt) -> None:
    """Add the attempt, or replace what was known of it."""
    others = [one for one in state.attempts if (one.owner, one.started) != (attempt.owner, attempt.started)]
    state.attempts = sorted([*others, attempt], key=lambda one: one.started)[-KEPT_ATTEMPTS:]
    state.note = state.superseded = ""


def _attempt() -> Attempt:
    return Attempt(owner=f"{socket.gethostname()}:{os.getpid()}", started=datetime.now(UTC), expires=_expiry())


def _expiry() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _dump(state: State) -> bytes:
    return (state.model_dump_json(indent=1) + "\n").encode()
