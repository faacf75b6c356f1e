"""What JSONL and Parquet have in common: columns under names of the file's own, of which some make up the document.

| column out | from                                                                             |
|------------|----------------------------------------------------------------------------------|
| text       | `text_column`                                                                    |
| url        | `url_column`, if it is there; empty if it is null                                |
| source     | the setting `source`, else the file's own column of that name                    |
| date       | `date_column`, or the first of "date", "timestamp" that is there                 |
| source_id  | the file's own `id`, since the level makes `id`; else its own `source_id`        |
| meta       | JSON object of the rest, under `source_<name>` if the level has a column like it |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.rows.document import BASE_SCHEMA
from pipeline.steps import Source

DATE_COLUMNS = ("date", "timestamp")
RESERVED = (*BASE_SCHEMA.names, "source_id")


@dataclass(frozen=True, slots=True)
class Places:
    """Which of the file's columns become which; None where it has none."""

    text: str
    url: str | None
    source: str | None
    date: str | None
    source_id: str | None
    others: tuple[tuple[str, str], ...]
    """(column of the file, name in meta)"""

    def identity(self) -> list[tuple[str, str]]:
        """(column out, column of the file) of those that are there, the text apart."""
        named = (("url", self.url), ("source", self.source), ("date", self.date), ("source_id", self.source_id))
        return [(out, name) for out, name in named if name is not None]


class TableSource(Source):
    """A source whose rows have columns or keys."""

    text_column: str = "text"
    url_column: str = "url"
    date_column: str | None = None
    source: str = ""
    """What to call this input in the column `source`."""

    def places(self, names: Sequence[str]) -> Places:
        """The places of a file's columns."""
        return _places(tuple(names), self.text_column, self.url_column, self.date_column, not self.source)

    def check_names(self, path: str, names: Sequence[str], what: str = "column") -> None:
        """Raise ValueError if a column that the recipe names is not there."""
        for name, setting in ((self.text_column, "text_column"), (self.date_column, "date_column")):
            if name is not None and name not in names:
                there = ", ".join(names) or "none"
                raise ValueError(f"{path} has no {what} '{name}', only {there}; set `{setting}` to one of them")


@lru_cache(4096)
def _places(names: tuple[str, ...], text: str, url: str, date: str | None, has_own_source: bool) -> Places:
    free = [name for name in names if name != text]

    def take(*wanted: str | None) -> str | None:
        found = next((name for name in wanted if name in free), None)
        if found is not None:
            free.remove(found)
        return found

    places = {"url": take(url), "date": take(*(date,) if date else DATE_COLUMNS)}
    places |= {"source": take("source") if has_own_source else None, "source_id": take("id", "source_id")}
    renamed = [f"source_{name}" if name in RESERVED else name for name in free]
    return Places(text, others=tuple(zip(free, unique(renamed, RESERVED), strict=True)), **places)


def unique(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, repeated ones with a number behind them: `a`, `a_2`."""
    names, used = list(names), set(taken)
    found = []
    for name in names:
        number = 2
        one = name
        while one in used or (one != name and one in names):
            one, number = f"{name}_{number}", number + 1
        used.add(one)
        found.append(one)
    return found
