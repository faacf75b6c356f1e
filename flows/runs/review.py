"""A lot that is reviewed: found in a store or in a file, with its queue and the place of its decision."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.rows.document import content_hash
from pipeline.store.cache import cache_folder
from pipeline.store.review import Review, lots
from pipeline.store.store import Store, open_store
from stages.l4_verify.people.lots import dump, register
from stages.l4_verify.people.plans import PlanSettings, design
from stages.l4_verify.people.queue import Queue


@dataclass(frozen=True, slots=True)
class Lot:
    """What is judged, by whose plan, and where the decision goes."""

    registration: dict[str, Any]
    records: list[dict[str, Any]]
    review: Review
    database: str

    def open(self) -> Queue:
        return Queue(self.database, self.registration, self.records)

    def publish(self, queue: Queue) -> dict[str, Any]:
        """Write the decision of a complete lot down; the one that is there stays."""
        self.review.decide(dump(queue.decide()))
        return self.review.decided()


def find_lot(name: str, store: str, database: str = "") -> Lot:
    """The lot of a store by the beginning of its name, or by its data set if just one lot of it waits; or a file."""
    if Path(name).is_file():
        return _of_file(Path(name), database)
    place = open_store(store)
    known = lots(place)
    found = [lot for lot in known if lot == name] or [lot for lot in known if lot.startswith(name)]
    found = found or [lot for lot in known if _dataset(place, lot) == name and not Review(place, lot).is_decided()]
    if len(found) != 1:
        states = ", ".join(f"{lot} ({_dataset(place, lot)}, {_state(place, lot)})" for lot in known) or "none"
        says = "names several lots" if found else "names no lot that waits, and no file"
        raise UsageError(f"'{name}' {says}; the lots of {store} are: {states}")
    review = Review(place, found[0])
    return Lot(review.registered(), review.records(), review, database or _database(place, review))


def _dataset(store: Store, lot: str) -> str:
    return str(Review(store, lot).registered().get("dataset", ""))


def _state(store: Store, lot: str) -> str:
    return "decided" if Review(store, lot).is_decided() else "waiting"


def _database(store: Store, review: Review) -> str:
    """Beside the lot on a local disk; for a bucket in this machine's cache, since a database needs a disk."""
    if "://" not in store.root:
        return store.shown(f"{review.folder}/queue.sqlite")
    folder = cache_folder() / "reviews" / content_hash(store.root)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / f"{review.lot}.sqlite")


def _of_file(path: Path, database: str) -> Lot:
    """Every record of a JSONL file, `{"text": …, "source": …}`, and `id` if it has one; decided beside it."""
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text, source = row["text"], row.get("source", row.get("source_text")) or ""
            if not isinstance(text, str) or not isinstance(source, str):
                raise TypeError("text and source are strings")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} line {number}: give a JSON object with `text`, and `source` beside it ({error})"
            ) from None
        records.append(
            {"id": str(row.get("id") or content_hash(text, source)), "text": text, "source": source, "stratum": "",
             "meta": {}, "verdicts": [], "role": "sample", "rank": len(records), "position": len(records), "wanted": 1}
        )  # fmt: skip
    if len({one["id"] for one in records}) < len(records) or not records:
        raise UsageError(f"{path} holds {len(records)} records; give at least one, and each an id of its own")
    settings = PlanSettings(kind="all")
    lot = content_hash("file", *(one["id"] for one in records))[:16]
    registration = register(lot, {"": len(records)}, settings, design(settings, len(records)), 0)
    review = Review(open_store(f"{path}.review"), lot)
    review.register(dump(registration))
    return Lot(registration, records, review, database or f"{path}.review/queue.sqlite")


def secret() -> bytes:
    """Of this machine and user: links go on working when the page is started again."""
    path = cache_folder() / "review.key"
    with contextlib.suppress(FileExistsError):
        temporary = path.with_name(f"review.key.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_bytes(os.urandom(32))
        try:
            os.link(temporary, path)  # whole or not at all
        finally:
            temporary.unlink()
    return path.read_bytes()
