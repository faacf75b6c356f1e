"""The text of an arm: found, identified by content, split from the held-out documents and sampled to a budget.

Every choice (held out or not, sampled or not, in which order) follows from the hash of the text. So it depends neither
on file names nor on sharding, and a document that both arms have takes the same side and the same place in both.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from pipeline.books.manifest import load
from pipeline.rows.batch import BoolArray
from pipeline.rows.document import content_hash, text_views
from pipeline.store.bounded import BoundedFile
from pipeline.store.checked import check_sha256, copy_checked
from pipeline.store.local import LocalStore
from pipeline.store.local_copy import scratch_folder
from pipeline.store.shard import FileEntry
from pipeline.store.store import locate

U64Array = np.ndarray[tuple[int], np.dtype[np.uint64]]
I64Array = np.ndarray[tuple[int], np.dtype[np.int64]]

TEXT_COLUMNS = ("text", "content")  # ours, and Ultra-FineWeb's
HELDOUT_SHARE = 0.1
HELDOUT_SALT = 0x6865_6C64_6F75_74  # keeps the slice independent of the order in which documents are sampled
MINIMUM_HELDOUT = 8
HELDOUT_DOCUMENT_BYTES = 8_000  # a longer held-out document is cut: more documents tell more than longer ones


def text_files(location: Path | str) -> list[Path]:
    """The Parquet files behind a file, a manifest.json, a folder with data/*.parquet or any folder of Parquet.

    `s3://…` is the folder or the manifest of a level or release; its files are fetched, since they are read several
    times.
    """
    if "://" in str(location):
        return _fetched(str(location))
    path = Path(location)
    manifest = path / "manifest.json" if path.is_dir() else path
    if manifest.is_file() and manifest.suffix == ".json":
        files = _listed(manifest)
    elif path.is_dir():
        files = sorted(path.glob("data/*.parquet")) or sorted(path.glob("*.parquet"))
    else:
        files = [path]
    missing = [file for file in files if not file.is_file()]
    if not files or missing:
        raise FileNotFoundError(
            f"no Parquet data at {missing[0] if missing else path}; "
            "give a Parquet file, a folder of them, or the manifest.json of a level or release"
        )
    return files


class _Listing(BaseModel):
    """The part of a level's or release's manifest that names its files."""

    files: list[FileEntry]


def _listed(manifest: Path) -> list[Path]:
    """The data files of a manifest, each of them as it was written."""
    store = LocalStore(manifest.parent)
    files = [file for file in load(_Listing, store, manifest.name).files if file.role == "data"]
    for file in files:
        if store.exists(file.path):
            check_sha256(store, file.path, file.sha256)
    return [manifest.parent / file.path for file in files]


def _fetched(location: str) -> list[Path]:
    """Copies on this machine of the data files of a level or release in a bucket."""
    store, folder = locate(location.removesuffix("/manifest.json"))
    manifest = f"{folder}/manifest.json"
    if not store.exists(manifest):
        raise FileNotFoundError(f"no manifest.json at {location}; give the folder of a level or release")
    entries = [file for file in load(_Listing, store, manifest).files if file.role == "data"]
    target = scratch_folder() / content_hash(location)
    size, free = sum(file.bytes for file in entries), shutil.disk_usage(target.parent).free
    if size > free:
        problem = f"{location} has {size:,} bytes and {free:,} are free; set TMPDIR to another disk"
        raise OSError(errno.ENOSPC, problem, str(target))
    target.mkdir(exist_ok=True)
    for file in entries:
        copy_checked(store, f"{folder}/{file.path}", file.sha256, target / Path(file.path).name)
    return [target / Path(file.path).name for file in entries]


def read_texts(files: Sequence[Path]) -> Iterator[pa.StringArray]:
    """Batches of the texts that are not empty."""
    for file in files:
        with open(file, "rb") as stream:
            opened = BoundedFile(stream)
            column = next((name for name in TEXT_COLUMNS if name in opened.schema.names), None)
            if column is None:
                raise ValueError(
                    f"{file} has the columns {', '.join(opened.schema.names)}; "
                    f"an ablation needs one named {' or '.join(TEXT_COLUMNS)}"
                )
            for group in range(opened.metadata.num_row_groups):
                for part in opened.parts(group, [column]):
                    texts = opened.decode(part).column(0).cast(pa.string())
                    yield texts.filter(pc.fill_null(pc.greater(pc.binary_length(texts), 0), False))


def hash_texts(texts: pa.StringArray) -> U64Array:
    digests = (hashlib.blake2b(view, digest_size=8).digest() for view in text_views(texts))
    return np.frombuffer(b"".join(digests), np.uint64)


def mix(values: U64Array) -> U64Array:
    """Spread the bits of each value over all 64 (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True)
class Arm:
    """The documents of one data set, in file order; the texts stay in the files."""

    files: tuple[Path, ...]
    hashes: U64Array
    """Of the text: repeats share it."""
    keys: U64Array
    """Of the text and which repeat of it this is: sampling and order follow it."""
    sizes: I64Array
    """UTF-8 bytes."""
    chosen: BoolArray
    """Documents that runs may train on."""

    def texts(self, rows: BoolArray) -> Iterator[pa.StringArray]:
        """Batches of the texts of these rows."""
        start = 0
        for batch in read_texts(self.files):
            yield batch.filter(pa.array(rows[start : start + len(batch)]))
            start += len(batch)

    def first(self, size: int) -> BoolArray:
        """Of the chosen rows a random sample of `size` bytes; the document that crosses the limit belongs to it."""
        order = np.argsort(self.keys, kind="stable")
        order = order[self.chosen[order]]
        rows = np.zeros(len(self.keys), np.bool_)
        rows[order[: np.searchsorted(np.cumsum(self.sizes[order]), size) + 1]] = True
        return rows

    @property
    def identity(self) -> str:
        """Hash of the chosen texts, whatever files they lie in."""
        return content_hash(np.sort(self.keys[self.chosen]).tobytes())


def survey(files: Sequence[Path]) -> Arm:
    """Read all texts once; all of them are chosen."""
    hashes, sizes = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for texts in read_texts(files):
        hashes.append(hash_texts(texts))
        sizes.append(pc.binary_length(texts).to_numpy().astype(np.int64))
    every = np.concatenate(hashes)
    keys = mix(every + np.uint64(0x9E3779B97F4A7C15) * occurrences(every))
    return Arm(tuple(files), every, keys, np.concatenate(sizes), np.ones(len(every), np.bool_))


def occurrences(hashes: U64Array) -> U64Array:
    """For each value, how many equal ones come before it."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    position = np.arange(len(hashes), dtype=np.uint64)
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(hashes)]
    counts = np.empty(len(hashes), np.uint64)
    counts[order] = position - np.maximum.accumulate(np.where(starts, position, np.uint64(0)))
    return counts


def choose(arm: Arm, name: str, excluded: U64Array, size: int) -> Arm:
    """The arm with a random sample of about `size` bytes chosen, free of the excluded texts and of the slice.

    The slice stays out even where other documents are held out, so that both rulers measure the same models.
    """
    free = replace(arm, chosen=~(in_slice(arm.hashes) | np.isin(arm.hashes, excluded)))
    if not free.chosen.any():
        raise ValueError(f"the {name} has no documents to train on ({len(arm.hashes)} in all); give it more data")
    return replace(free, chosen=free.first(size))


def in_slice(hashes: U64Array) -> BoolArray:
    """Which texts are never trained on, so that they can be held out."""
    return mix(hashes ^ np.uint64(HELDOUT_SALT)) < np.uint64(int(HELDOUT_SHARE * 2**64))


@dataclass(frozen=True)
class Domain:
    """Held-out documents of one origin, each text once."""

    name: str
    texts: tuple[str, ...]
    hashes: U64Array
    """Of the whole texts, before long ones were cut."""
    overlapping: int = 0
    """Documents left out because training text contains much of them."""

    @property
    def sizes(self) -> I64Array:
        """UTF-8 bytes of each document."""
        return np.array([len(text.encode()) for text in self.texts], np.int64)

    def keep(self, rows: BoolArray) -> Domain:
        """Only these documents; the others count as overlapping. An error if too few are left."""
        texts = tuple(text for text, kept in zip(self.texts, rows, strict=True) if kept)
        kept = Domain(self.name, texts, self.hashes[rows], self.overlapping + int(np.count_nonzero(~rows)))
        kept.check()
        return kept

    def check(self) -> None:
        if len(self.texts) < MINIMUM_HELDOUT:
            raise ValueError(
                f"the held-out domain '{self.name}' has {len(self.texts)} usable documents ({self.overlapping} overlap "
                f"with training text), it needs {MINIMUM_HELDOUT}; give more data, or held-out files of your own"
            )


def hold_out(arm: Arm, name: str, size: int, whole: bool = False) -> Domain:
    """About `size` bytes of the arm's slice, or of all its documents if `whole`, as a domain."""
    order = np.argsort(mix(arm.hashes ^ np.uint64(HELDOUT_SALT)), kind="stable")
    order = order[(whole | in_slice(arm.hashes))[order] & (occurrences(arm.hashes) == 0)[order]]
    lengths = np.minimum(arm.sizes[order], HELDOUT_DOCUMENT_BYTES)
    order = order[: np.searchsorted(np.cumsum(lengths), size, "right")]
    rows = np.zeros(len(arm.hashes), np.bool_)
    rows[order] = True
    texts = tuple(cut(text) for batch in arm.texts(rows) for text in batch.to_pylist())
    domain = Domain(name, texts, arm.hashes[rows])
    domain.check()
    return domain


def cut(text: str) -> str:
    """The text's first HELDOUT_DOCUMENT_BYTES, whole characters only."""
    return text.encode()[:HELDOUT_DOCUMENT_BYTES].decode(errors="ignore")


def domains(arms: dict[str, Arm], heldout: Sequence[Path], size: int) -> list[Domain]:
    """One domain per held-out path; without any, the slice of each arm."""
    if not heldout:
        return [hold_out(arm, name, size) for name, arm in arms.items()]
    names = [path.stem for path in heldout]
    if len(set(names)) < len(names):
        raise ValueError(f"held-out paths name the domains, but {', '.join(sorted(names))} repeat; rename one")
    pairs = zip(names, heldout, strict=True)
    return [hold_out(survey(text_files(path)), name, size, whole=True) for name, path in pairs]
