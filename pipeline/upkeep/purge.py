"""Remove from a store every text that tombstones name, and show by a search of all its bytes that none is left.

| object                                  | what happens                                                            |
|-----------------------------------------|-------------------------------------------------------------------------|
| data of levels and releases             | rewritten without the rows; the manifest lists the files as they were   |
| dropped, quarantine                     | the rows stay, since they are counted; text and error go                |
| unfinished levels and passes            | removed: the next run makes them anew                                   |
| ledger                                  | replies to these documents are taken out                                |
| review lots, reports of runs            | those that show one are removed                                         |
| clusters, indexes, tombstones           | stay: ids and hashes alone                                              |

Killed anywhere, a purge is gone on with by the next one: new files are staged and listed before the first old one is
replaced, manifests come last.
"""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from pipeline.books.manifest import Manifest, Purged, dump, load
from pipeline.books.tombstones import Targets, paths, targets_of
from pipeline.publish import croissant
from pipeline.publish.release import CARD, Release, card_of, croissant_of
from pipeline.rows.batch import BoolArray
from pipeline.run.ledger import Ledger
from pipeline.run.passes import WORK
from pipeline.store.shard import FileEntry, ShardWriter, describe_file, read_batches, stored_sha256
from pipeline.store.store import Store
from pipeline.upkeep.takedown import data_files, place_of

FOLDER = "purges"
SHOWN = 120
"""Characters of a text by which a page that shows part of it is known."""
REMOVED = "removed on request"
M = TypeVar("M", Manifest, Release)


class Change(BaseModel):
    """One file that gets other bytes."""

    path: str
    rows: int = 0
    texts: int = 0
    staged: str
    sha256: str
    """Of the new bytes."""


class Intent(BaseModel):
    """What a purge is about to replace."""

    tombstones: list[str]
    changes: list[Change]


@dataclass
class Purge:
    """What a purge did, or would do."""

    rows: int = 0
    texts: int = 0
    files: int = 0
    replies: int = 0
    removed: list[str] = field(default_factory=list)
    """Objects that were removed whole."""
    searched: int = 0
    searched_bytes: int = 0
    left: list[str] = field(default_factory=list)
    """Objects in which the search still found a text."""

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.rows:,} rows removed and {self.texts:,} texts blanked in {self.files:,} files",
            f"{self.replies:,} replies of models and {len(self.removed):,} other objects removed",
            *([f"searched {self.searched:,} objects, {self.searched_bytes:,} bytes"] if self.searched else []),
            *(f"still there: {path}" for path in self.left),
        ]


def purge(store: Store, dry_run: bool = False) -> Purge:
    """Do it, or only count with `dry_run`."""
    done = Purge()
    stones = paths(store)
    targets = targets_of((store, path) for path in stones)
    if not dry_run:
        for path in store.list(FOLDER):
            if path.endswith("/intent.json"):
                _carry_out(store, path)
    texts: set[str] = set()
    changes: list[Change] = []
    folder = (
        f"{FOLDER}/{stones[-1].rpartition('/')[2].removesuffix('.json')}-{len(store.list(FOLDER))}" if stones else ""
    )
    finished: dict[str, bool] = {}
    for path in list(data_files(store)) if targets else ():
        place = place_of(path)
        if place not in finished:
            finished[place] = store.exists(f"{place}/manifest.json")
        found = _meant(store, path, targets, texts)
        if not found:
            continue
        done.files += 1
        if not finished[place] or f"/{WORK}/" in path:
            done.removed.append(f"{place}/{WORK}" if finished[place] else place)
            continue
        is_data = path.split("/")[-2] == "data"
        done.rows += found if is_data else 0
        done.texts += 0 if is_data else found
        if not dry_run:
            changes.append(_staged(store, path, targets, f"{folder}/staged/{path}"))
    ledger = Ledger(store)
    shown = [_excerpt(text) for text in texts]
    done.removed += [path for path in _pages(store) if _shows(store, path, targets.ids, shown)]
    done.removed = sorted(set(done.removed))
    if dry_run:
        done.replies = sum(reply.about in targets.texts for reply in ledger.replies())
        return done
    if changes:
        intent = Intent(tombstones=[path.rpartition("/")[2].removesuffix(".json") for path in stones], changes=changes)
        store.create(f"{folder}/intent.json", dump(intent))
        _carry_out(store, f"{folder}/intent.json")
    done.replies = ledger.prune(lambda reply: reply.about in targets.texts)
    for path in done.removed:
        store.remove(path)
    _search(store, texts, done)
    return done


def _meant(store: Store, path: str, targets: Targets, texts: set[str]) -> int:
    """Rows of a file that are to change; their texts are added to `texts`."""
    role = path.split("/")[-2]
    if role not in ("data", "dropped", "quarantine"):
        return 0
    found = 0
    for batch in read_batches(store.open(path)):
        mask = targets.mask(batch)
        hit = batch.filter(pa.array(mask if role == "data" else mask & _says_something(batch)))
        found += hit.num_rows
        if "text" in hit.schema.names:
            texts |= {text for text in hit.column("text").to_pylist() if text}
    return found


def _says_something(batch: pa.RecordBatch) -> BoolArray:
    """Rows of dropped or quarantine that were not blanked yet."""
    name = "text" if "text" in batch.schema.names else "error"
    full = pc.not_equal(batch.column(name), REMOVED)  # null where no text was kept
    mask: BoolArray = pc.fill_null(full, False).to_numpy(zero_copy_only=False)
    return mask


def _staged(store: Store, path: str, targets: Targets, staged: str) -> Change:
    """Write the file as it shall be under another name."""
    with store.open(path) as opened:
        schema = pq.read_schema(opened)
    is_data = path.split("/")[-2] == "data"
    rows = texts = 0
    with ShardWriter(store, staged, schema) as writer:
        for batch in read_batches(store.open(path)):
            mask = targets.mask(batch)
            if is_data:
                rows += int(mask.sum())
                writer.write(batch.filter(pa.array(~mask)))
            else:
                texts += int((mask & _says_something(batch)).sum())
                writer.write(_blanked(batch, pa.array(mask)))
        entry = writer.commit("data")
    return Change(path=path, rows=rows, texts=texts, staged=staged, sha256=entry.sha256)


def _blanked(batch: pa.RecordBatch, mask: pa.Array) -> pa.RecordBatch:
    for name, blank in (("text", None), ("error", REMOVED)):
        if name in batch.schema.names:
            number = batch.schema.get_field_index(name)
            kept = pc.if_else(mask, pa.scalar(blank, pa.string()), batch.column(name))
            batch = batch.set_column(number, batch.schema.field(name), kept)
    return batch


def _carry_out(store: Store, path: str) -> None:
    """Replace the files, then the manifests that list them; as often as it takes."""
    intent = load(Intent, store, path)
    by_place: defaultdict[str, list[Change]] = defaultdict(list)
    for change in intent.changes:
        if stored_sha256(store, change.path) != change.sha256:
            store.replace(change.path, store.read(change.staged))
        by_place[place_of(change.path)].append(change)
    for place, changes in sorted(by_place.items()):
        if place.startswith("releases/"):
            _restate_release(store, place, changes, intent.tombstones)
        else:
            _restate(store, Manifest, place, changes, intent.tombstones)
    for change in intent.changes:
        store.remove(change.staged)
    store.create(path.replace("/intent.json", "/done.json"), store.read(path))
    store.remove(path)


def _restate(store: Store, model: type[M], place: str, changes: Iterable[Change], stones: list[str]) -> M:
    """The manifest with the files as they are now, and as they were."""
    manifest: M = load(model, store, f"{place}/manifest.json")
    made = {change.path.removeprefix(f"{place}/"): change for change in changes}
    before = [file for file in manifest.files if file.path in made and file.sha256 != made[file.path].sha256]
    if before:
        now = [_entry(store, place, file, made.get(file.path)) for file in manifest.files]
        note = Purged(
            tombstones=stones, before=before, rows=sum(made[file.path].rows for file in before),
            texts=sum(made[file.path].texts for file in before),
        )  # fmt: skip
        manifest = manifest.model_copy(update={"files": now, "purged": [*manifest.purged, note]})
        store.replace(f"{place}/manifest.json", dump(manifest))
    return manifest


def _entry(store: Store, place: str, file: FileEntry, change: Change | None) -> FileEntry:
    if change is None:
        return file
    found = describe_file(store, f"{place}/{file.path}", file.role, file.rows - change.rows)
    return found.model_copy(update={"path": file.path})


def _restate_release(store: Store, place: str, changes: Iterable[Change], stones: list[str]) -> None:
    """Also the card, which shows a row, and the Croissant file, which states the files' hashes."""
    release = _restate(store, Release, place, changes, stones)
    manifests = [load(Manifest, store, parent.manifest) for parent in release.levels if store.exists(parent.manifest)]
    if len(manifests) != len(release.levels):
        return
    made = {CARD: card_of(store, place, release, manifests), croissant.NAME: croissant_of(store, place, release)}
    files = []
    for file in release.files:
        if file.path in made:
            text = made[file.path].encode()
            if text != store.read(f"{place}/{file.path}"):
                store.replace(f"{place}/{file.path}", text)
            found = describe_file(store, f"{place}/{file.path}", file.role, 0)
            file = found.model_copy(update={"path": file.path})
        files.append(file)
    if files != release.files:
        store.replace(f"{place}/manifest.json", dump(release.model_copy(update={"files": files})))


def _pages(store: Store) -> Iterator[str]:
    """Objects that may show a row to people, and that can be made again."""
    for folder in ("runs", "reviews"):
        yield from store.list(folder)


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:SHOWN]


def _shows(store: Store, path: str, ids: set[str], shown: list[str]) -> bool:
    """Whether a page, a lot or a report holds an id or the beginning of a text."""
    data = store.read(path).decode("utf-8", "replace")
    plain = " ".join(_unescaped(data).split())
    return any(one in data for one in ids) or any(one in plain for one in shown if one)


def _unescaped(data: str) -> str:
    """HTML's and JSON's escapes undone, as far as they are those of texts."""
    return html.unescape(data).replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')


def _search(store: Store, texts: set[str], done: Purge) -> None:
    """Look for each text, whole, in every object of the store, after decompression."""
    wanted = [(text.encode(), " ".join(text.split()).encode()) for text in texts if len(text) >= 32]
    for path in store.list("."):
        if path.startswith(("prefect/", "tmp/")):
            continue
        done.searched += 1
        for data in _bytes_of(store, path):
            done.searched_bytes += len(data)
            if any(raw in data or plain in data for raw, plain in wanted):
                done.left.append(path)
                break
    for reply in Ledger(store).replies():
        if not reply.about or any(raw in reply.text.encode() for raw, _ in wanted):
            done.left.append(f"ledger: reply {reply.key[:16]}… to {reply.prompt or 'an unknown prompt'}")


def _bytes_of(store: Store, path: str) -> Iterator[bytes]:
    """An object as bytes in which its texts stand as they are."""
    if path.endswith(".parquet"):
        for batch in read_batches(store.open(path)):
            for column in batch.columns:
                if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
                    yield _joined(column)
        return
    if path.startswith("ledger/"):
        return  # looked at reply by reply
    data = store.read(path)
    for decode in (_gzip, _json):
        if (decoded := decode(data)) is not None:
            yield decoded
    yield data


def _joined(column: pa.Array) -> bytes:
    return b"\0".join(str(value).encode() if isinstance(value, str) else value for value in column.to_pylist() if value)


def _gzip(data: bytes) -> bytes | None:
    import gzip
    import zlib

    if not data.startswith(b"\x1f\x8b"):
        return None
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def _json(data: bytes) -> bytes | None:
    """JSON with its escapes undone."""
    try:
        return json.dumps(json.loads(data), ensure_ascii=False).replace("\\n", "\n").encode()
    except ValueError:
        return None
