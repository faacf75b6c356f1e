"""Where to cut a data set by score: the score and id of the n-th best row of each group, exact at any size.

Rows are ordered by falling score, equal scores by a hash of the id: an order that depends on no shard and no worker.
A group's n-th row is found digit by digit: each round counts the next 12 bits of the rows that share the digits
found so far, in parts of bounded size. As soon as few rows are left they are gathered and sorted.

Rounds read a small table of the scores (32 bytes a row), not the texts. One task holds one partition of it;
counts that meet in one place are at most targets * 4096 and in practice fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.run.grouping import Grouping
from pipeline.store.partitions import EMPTY, Tables

GATHER_ROWS = 1_000_000
"""So many rows are sorted in one place: 24 bytes each."""
SHIFTS = (52, 40, 28, 16, 4, 0)
DIGITS = [(word, shift, before) for word in ("place", "key") for before, shift in pairwise((64, *SHIFTS))]
"""Which number, how many bits lie right of the digit, and how many right of the digit before it."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SIGN = np.uint64(1 << 63)

Array = np.ndarray[Any, Any]
Per = Literal["source", "language"]
Wanted = Callable[[Array], Array]
"""int64 (groups) rows of each group → int64 (groups, targets): ranks from the best; 0: before the best row."""


@dataclass(frozen=True)
class Cuts:
    """The rows at the wanted ranks; a table of it goes to every task that decides."""

    groups: Array
    """uint64 (groups), ascending."""
    rows: Array
    """int64 (groups): rows with a score."""
    place: Array
    """uint64 (groups, targets): where the score stands, see `place_of`."""
    key: Array
    """uint64 (groups, targets): hash of the id."""

    def within(self, table: pa.Table, score: str, target: int) -> Array:
        """bool per row: at this target's cut or better; never true without a score."""
        if not len(self.groups):
            return np.zeros(table.num_rows, np.bool_)
        scores = table.column(score).to_numpy()
        place, key, group = place_of(scores), table.column("key").to_numpy(), self._group_of(table)
        cut_place, cut_key = self.place[group, target], self.key[group, target]
        better = (place < cut_place) | ((place == cut_place) & (key <= cut_key))
        return np.asarray(better & ~np.isnan(scores))

    def score_for(self, table: pa.Table, target: int) -> Array:
        """float64 per row: the score at its group's cut; nan if its group has no scores or the cut lies before them."""
        if not len(self.groups):
            return np.full(table.num_rows, np.nan)
        cut = self.place[self._group_of(table), target]
        return np.asarray(np.where(cut == 0, np.nan, score_at(cut)))

    def _group_of(self, table: pa.Table) -> Array:
        """Index of each row's group; any for a group without scores."""
        place = np.searchsorted(self.groups, table.column("group").to_numpy())
        return np.asarray(np.minimum(place, len(self.groups) - 1))


def place_of(scores: Array) -> Array:
    """uint64 per score, smaller for better ones, in exactly their order; -0 counts as 0."""
    bits = (scores.astype(np.float64) + 0.0).view(np.uint64)
    return np.asarray(~np.where(bits & SIGN, ~bits, bits | SIGN))


def score_at(places: Array) -> Array:
    """The scores that stand at these places."""
    bits = ~places
    scores: Array = np.where(bits & SIGN, bits & ~SIGN, ~bits).astype(np.uint64).view(np.float64)
    return scores


def score_rows(batch: Batch, _: pa.Table | None, columns: tuple[str, ...], per: Per | None) -> pa.Table:
    """A row's scores as float64 (nan: none), its group, and a hash of its id as key."""
    from pipeline.kernels.hashes import text_hashes

    group = text_hashes(batch.column(per).cast(pa.string()))[:, 1] if per else np.zeros(len(batch), np.uint64)
    scores = {column: batch.column(column).cast(pa.float64()) for column in columns}
    return pa.table(
        {
            "key": np.ascontiguousarray(text_hashes(batch.column("id"))[:, 0]),
            "row": np.arange(len(batch), dtype=np.int32),
            "group": np.ascontiguousarray(group),
            **{name: values.to_numpy(zero_copy_only=False) for name, values in scores.items()},
        }
    )


def read_scores(grouping: Grouping, columns: tuple[str, ...], per: Per | None = None) -> Tables:
    """The scores of all rows, spread evenly over partitions."""
    return grouping.map("scores", partial(score_rows, columns=columns, per=per))


def find_cuts(grouping: Grouping, rows: Tables, score: str, wanted: Wanted) -> Cuts:
    """The rows at the ranks that `wanted` asks for."""
    counted = grouping.reduce(f"{score}-rows", partial(_rows_per_group, score=score), rows)
    totals = _read(grouping, grouping.reduce(f"{score}-groups", _sum, counted))
    if not totals.num_rows:
        nothing = np.zeros((0, 1), np.uint64)
        return Cuts(np.zeros(0, np.uint64), np.zeros(0, np.int64), nothing, nothing)
    totals = totals.sort_by("at")
    groups, sizes = totals.column("at").to_numpy(), totals.column("rows").to_numpy()
    ranks = np.minimum(wanted(sizes), sizes[:, None])
    search, left, word, before = _Search(groups, ranks), int(sizes.sum()), "place", 64
    for number, (digit_of, shift, end) in enumerate(DIGITS):
        if left <= GATHER_ROWS:
            gather = partial(_gather, score=score, word=word, before=before, alive=search.alive())
            search.finish(_read(grouping, grouping.reduce(f"{score}-{number}-left", gather, rows)))
            break
        count = partial(_count_digits, score=score, word=digit_of, shift=shift, before=end, alive=search.alive())
        sums = grouping.reduce(f"{score}-{number}-sums", _sum, grouping.reduce(f"{score}-{number}-counts", count, rows))
        left = search.narrow(_read(grouping, sums), digit_of, shift)
        word, before = digit_of, shift
    return Cuts(groups, sizes, *search.found())


class _Search:
    """Targets on the way to their rows: what is known of each row's place and key, and its rank among those left."""

    def __init__(self, groups: Array, ranks: Array) -> None:
        self._shape = ranks.shape
        self._rank = ranks.ravel().astype(np.int64)
        self._group = np.repeat(groups, ranks.shape[1])
        self._place = np.zeros(ranks.size, np.uint64)
        self._key = np.zeros(ranks.size, np.uint64)
        self._at = mark(self._group, self._place, self._key)

    def alive(self) -> Array:
        """Marks of what the rows that are still in question share, sorted."""
        return np.unique(self._at[self._rank > 0])

    def narrow(self, sums: pa.Table, word: str, shift: int) -> int:
        """Take the next digit of each target from the counts; how many rows share it with some target."""
        sums = sums.sort_by([("at", "ascending"), ("digit", "ascending")])
        at, digit, rows = (sums.column(name).to_numpy() for name in ("at", "digit", "rows"))
        up_to = np.cumsum(rows)
        start = np.searchsorted(at, self._at)
        base = np.where(start > 0, up_to[np.maximum(start, 1) - 1], 0)
        found = np.minimum(np.searchsorted(up_to, base + self._rank), len(up_to) - 1)
        asked = self._rank > 0
        number = self._place if word == "place" else self._key
        number[asked] |= digit[found[asked]] << np.uint64(shift)
        self._rank[asked] -= (up_to[found] - rows[found] - base)[asked]
        self._at = mark(self._group, *known(self._place, self._key, word, shift))
        return int(rows[np.unique(found[asked])].sum())

    def finish(self, left: pa.Table) -> None:
        """Find the rows among all those in question."""
        left = left.sort_by([(name, "ascending") for name in ("at", "place", "key")])
        index = np.searchsorted(left.column("at").to_numpy(), self._at) + self._rank - 1
        asked = self._rank > 0
        self._place[asked] = left.column("place").to_numpy()[index[asked]]
        self._key[asked] = left.column("key").to_numpy()[index[asked]]

    def found(self) -> tuple[Array, Array]:
        """uint64 (groups, targets), twice: place and key of the wanted rows; 0 where rank 0 was asked for."""
        return self._place.reshape(self._shape), self._key.reshape(self._shape)


def known(place: Array, key: Array, word: str, shift: int) -> tuple[Array, Array]:
    """Both numbers without the bits that are not looked at yet: those right of `shift` in `word`, and what follows."""
    if word == "place":
        return _above(place, shift), np.zeros_like(key)
    return place, _above(key, shift)


def _above(number: Array, shift: int) -> Array:
    return np.zeros_like(number) if shift == 64 else number >> np.uint64(shift) << np.uint64(shift)


def mark(group: Array, place: Array, key: Array) -> Array:
    """uint64 that stands for group and known bits; two different ones agree once in 2^64."""
    return _mix(_mix(_mix(group) + place) + key)


def _mix(values: Array) -> Array:
    """The finaliser of splitmix64."""
    values = values + GOLDEN
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _in_question(table: pa.Table, score: str, word: str, before: int, alive: Array) -> tuple[Array, Array, Array]:
    """(mark, place, key) of the rows that share all known bits with a target."""
    values = table.column(score).to_numpy()
    scored = ~np.isnan(values)
    group, key = table.column("group").to_numpy()[scored], table.column("key").to_numpy()[scored]
    place = place_of(values[scored])
    at = mark(group, *known(place, key, word, before))
    chosen = np.isin(at, alive)
    return at[chosen], place[chosen], key[chosen]


def _rows_per_group(table: pa.Table, score: str) -> pa.Table:
    group = table.column("group").to_numpy()[~np.isnan(table.column(score).to_numpy())]
    return _counts(group, np.zeros(len(group), np.uint64))


def _count_digits(table: pa.Table, score: str, word: str, shift: int, before: int, alive: Array) -> pa.Table:
    at, place, key = _in_question(table, score, word, before, alive)
    number = place if word == "place" else key
    bits = np.uint64((1 << (before - shift)) - 1)
    return _counts(at, number >> np.uint64(shift) & bits)


def _gather(table: pa.Table, score: str, word: str, before: int, alive: Array) -> pa.Table:
    at, place, key = _in_question(table, score, word, before, alive)
    return pa.table({"at": at, "place": place, "key": key})


def _counts(at: Array, digit: Array) -> pa.Table:
    """How many rows have each mark and digit; keyed, so that the counts of all partitions meet."""
    return _sum(pa.table({"key": _mix(_mix(at) + digit), "at": at, "digit": digit, "rows": np.ones(len(at), np.int64)}))


def _sum(counts: pa.Table) -> pa.Table:
    summed = counts.group_by(["key", "at", "digit"], use_threads=False).aggregate([("rows", "sum")])
    return summed.rename_columns(["key", "at", "digit", "rows"])


def _read(grouping: Grouping, tables: Tables) -> pa.Table:
    """A small table that tasks wrote, here."""
    if tables.by == EMPTY:
        return pa.table({"at": pa.array([], pa.uint64()), "rows": pa.array([], pa.int64())})
    return grouping.read(tables)
