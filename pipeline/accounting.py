"""The conservation law: rows in + rows made = kept + dropped by reason + quarantined."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field


class AccountingError(RuntimeError):
    """Rows are missing or appear twice. It is a defect of a step or of the core, never of the data."""


class Counts(BaseModel):
    """What became of the rows of a shard or a level."""

    rows_in: int = 0
    rows_made: int = 0
    """Rows beyond one per input row, where a generator asks several prompts for a document (L3)."""
    rows_out: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    """`step_kind.rule` → rows"""
    quarantined: int = 0
    changed: dict[str, int] = Field(default_factory=dict)
    """`step_kind.change` → rows that a transform changed; they are among the kept or dropped."""
    bytes_in: int = 0
    """UTF-8 bytes of text (of payload, where there is no text yet) that came in."""
    bytes_out: int = 0

    def check(self, where: str) -> None:
        """Raise AccountingError unless every row has exactly one fate."""
        fates = self.rows_out + sum(self.dropped.values()) + self.quarantined
        if self.rows_in + self.rows_made != fates:
            raise AccountingError(
                f"{where}: {self.rows_in} rows in and {self.rows_made} made, but {self.rows_out} kept, "
                f"{sum(self.dropped.values())} dropped and {self.quarantined} quarantined make {fates}; "
                "nothing was published. Report this with the recipe"
            )


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over shards, reasons in alphabetical order."""
    result = Counts()
    for part in counts:
        for name in ("rows_in", "rows_made", "rows_out", "quarantined", "bytes_in", "bytes_out"):
            setattr(result, name, getattr(result, name) + getattr(part, name))
        for mine, theirs in ((result.dropped, part.dropped), (result.changed, part.changed)):
            for reason, rows in theirs.items():
                mine[reason] = mine.get(reason, 0) + rows
    result.dropped = dict(sorted(result.dropped.items()))
    result.changed = dict(sorted(result.changed.items()))
    return result


def chain(passes: Iterable[Counts]) -> Counts:
    """One shard through consecutive passes: in at the first, out at the last, dropped anywhere."""
    parts = list(passes)
    result = total(parts)
    result.rows_in, result.bytes_in = parts[0].rows_in, parts[0].bytes_in
    result.rows_out, result.bytes_out = parts[-1].rows_out, parts[-1].bytes_out
    return result
