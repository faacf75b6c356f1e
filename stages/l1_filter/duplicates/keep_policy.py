"""What both duplicate steps share: which copy stays, and indexes of earlier levels to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from pipeline.books.manifest import Manifest, load
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.steps import GroupingStep
from pipeline.store.store import locate
from stages.l1_filter.duplicates.dates import minutes_of

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping

Array = np.ndarray[Any, Any]

LAST = np.uint64((1 << 32) - 1)
NO_PARTS = 1 << 31
"""Number of the first part of an earlier index where there is none: above all shards."""


class EarlierIndex(NamedTuple):
    """The index files that one finished level holds for a step."""

    identity: str
    """Hash of what they hold."""
    files: list[tuple[str, int]]
    """(location, rows), by number of their shard"""


class DuplicatesStep(GroupingStep):
    """Which of several copies stays, and the earlier levels to compare with.

    `keep`: the `longest` in bytes, the `oldest` or `newest` by date to the minute (in the forms that `dates` names;
    rows without one that can be read come last in both orders, and are counted), the `first` by id, or the `best` by
    the float column `column` (rows without a number come last). `sources`: documents of the source named first win
    over others whatever `keep` says; sources not named come last. Ties: the smallest id, then content order. A
    document of an earlier level always stays.
    """

    writes_clusters: ClassVar[bool] = True
    same: ClassVar[tuple[str, ...]] = ()
    """Parameters in which an earlier index must agree."""

    keep: Literal["longest", "oldest", "newest", "first", "best"] = "first"
    column: str | None = Field(None, description="for keep: best")
    sources: tuple[str, ...] = Field((), max_length=255, description="first wins, whatever `keep` says")
    index: bool = Field(False, description="keep what later levels need to compare with this one")
    against: tuple[str, ...] = Field((), description="earlier levels: data set, data set@version, or path of a level")

    @model_validator(mode="after")
    def _best_needs_a_column(self) -> Self:
        if (self.keep == "best") != (self.column is not None):
            raise ValueError(f"keep '{self.keep}' and column {self.column!r}: give `column` with keep: best only")
        return self

    def identity(self) -> dict[str, Any]:
        """Without `against`: the content of the indexes counts (see `assets`), not where they lie."""
        return self.model_dump(mode="json", exclude={"against"})

    def assets(self) -> Mapping[str, str]:
        return {f"earlier index {number}": one.identity for number, one in enumerate(self.earlier())}

    def resolve(self) -> Iterable[str]:
        """Nothing: the names in `against` mean something only to who knows the store's releases."""
        return ()

    def check_input(self, schema: pa.Schema) -> None:
        if self.column is None:
            return
        if self.column not in schema.names or not pa.types.is_floating(schema.field(self.column).type):
            floats = [field.name for field in schema if pa.types.is_floating(field.type)]
            raise ValueError(
                f"{self.kind}: column '{self.column}' is no column of floats of this level; there are: "
                f"{', '.join(floats) or 'none'}"
            )

    def earlier(self) -> list[EarlierIndex]:
        """The indexes of `against`, in an order that follows from what they hold."""
        found = {one.identity: one for one in (self._earlier(path) for path in self.against)}
        return [found[identity] for identity in sorted(found)]

    def _earlier(self, place: str) -> EarlierIndex:
        location = place if place.endswith(".json") else f"{place}/manifest.json"
        store, name = locate(location)
        if not store.exists(name):
            raise ValueError(f"{self.kind}: against '{place}': no finished level there; give its folder or manifest")
        manifest = load(Manifest, store, name)
        files = [file for file in manifest.files if file.role == "index" and f"/{self.kind}-" in f"/{file.path}"]
        if not files:
            raise ValueError(f"{self.kind}: against '{place}': it has no index; run it with `{self.kind}.index: true`")
        step = next(step for step in manifest.steps if step["kind"] == self.kind)
        for name in self.same:
            if step.get(name) != getattr(self, name):
                raise ValueError(
                    f"{self.kind}: against '{place}': its index has {name} {step.get(name)}, this step "
                    f"{getattr(self, name)}; they must be equal: run that level again, or set the parameter here"
                )
        files.sort(key=lambda file: file.path)
        identity = content_hash(*(file.sha256 for file in files))
        return EarlierIndex(identity, [(store.shown(file.path), file.rows) for file in files])

    def add_earlier(self, grouping: Grouping) -> tuple[int, list[tuple[str, int]]]:
        """Make the earlier parts known: (number of the first of them, [(identity of an index, its parts)])."""
        earlier = self.earlier()
        grouping.add_parts([file for one in earlier for file in one.files])
        first = grouping.parts[0].shard if grouping.parts else NO_PARTS
        return first, [(one.identity, len(one.files)) for one in earlier]

    def quality(self, batch: Batch) -> Array:
        """uint64 per row; the smallest stays: the source's rank above 32 bits of what `keep` asks for."""
        found = self._by_keep(batch)
        return found | self._rank(batch) << np.uint64(32) if self.sources else found

    def order(self, quality: Array, ids: pa.StringArray) -> Array:
        """uint64 per row: about the survivor order, the quality above the first eight digits of the id."""
        if self.sources:
            quality = (quality >> np.uint64(32)) << np.uint64(24) | (quality & LAST) >> np.uint64(8)
        return quality << np.uint64(32) | _id_prefix(ids)

    def _rank(self, batch: Batch) -> Array:
        found = pc.index_in(batch.column("source"), value_set=pa.array(self.sources, pa.string()))
        return np.asarray(pc.fill_null(found, len(self.sources)).to_numpy().astype(np.uint64))

    def _by_keep(self, batch: Batch) -> Array:
        if self.keep == "longest":
            sizes: Array = pc.fill_null(pc.binary_length(batch.text), 0).to_numpy().astype(np.uint64)
            return LAST - sizes
        if self.keep == "first":
            return np.zeros(len(batch), np.uint64)
        if self.keep == "best":
            return _descending(batch.column(self.column or ""))
        minutes = _minutes(batch.column("date"))
        return np.where(minutes == LAST, LAST, minutes if self.keep == "oldest" else LAST - minutes)

    def dates_missing(self, batch: Batch) -> dict[str, int]:
        """Counters of the rows that `keep` by date puts last: those without a date, and those whose date is unread."""
        if self.keep not in ("oldest", "newest"):
            return {}
        dates = batch.column("date")
        absent = pc.sum(pc.equal(pc.utf8_trim_whitespace(pc.fill_null(dates, "")), "")).as_py() or 0
        unread = int((_minutes(dates) == LAST).sum()) - absent
        return {f"{self.kind}.documents_without_a_date": absent, f"{self.kind}.dates_not_understood": unread}


def _descending(values: pa.Array) -> Array:
    """uint64 below 2^32 per number, smaller for larger ones; the largest for null and not a number."""
    numbers = pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy().astype(np.float32)
    bits = numbers.view(np.uint32)
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    return np.where(np.isnan(numbers), LAST, LAST - rising)


def _id_prefix(ids: pa.StringArray) -> Array:
    """uint64 below 2^32 per id: its first eight hex digits, so that numbers sort as ids do."""
    from pipeline.kernels.utf8 import text_buffers

    data, offsets = text_buffers(ids)
    places = offsets[:-1, None] + np.arange(8)
    letters = np.where(places < offsets[1:, None], data[np.minimum(places, len(data) - 1)], 0).astype(np.int64)
    # Other letters than hex digits take the next digit below: the order of ids is kept, if coarsely.
    digits = np.where(letters < ord("a"), np.clip(letters - ord("0"), 0, 9), np.minimum(letters - ord("a") + 10, 15))
    return np.asarray((digits << np.arange(28, -1, -4)).sum(axis=1).astype(np.uint64))


def _minutes(dates: pa.StringArray) -> Array:
    """uint64 per date, larger for later; `LAST` where there is none that can be read."""
    found = (minutes_of(date) for date in dates.to_pylist())
    return np.array([int(LAST) if minutes is None else minutes for minutes in found], np.uint64)
