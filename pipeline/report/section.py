"""A section of a report: what a step's level has on the store, and how HTML is made of it (see `pipeline.report`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.books.accounting import AtStep
from pipeline.books.manifest import Manifest, read_rows
from pipeline.errors import describe
from pipeline.report import svg
from pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and HTML under it."""

    title: str
    body: Markup


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a finished level."""

    store: Store
    folder: str
    """Of the level, relative to the store."""
    manifest: Manifest
    name: str
    """`02 faithfulness`"""
    step: Mapping[str, Any]
    """The step as the manifest describes it: kind, parameters, assets, shows."""

    @property
    def at_step(self) -> AtStep:
        """Rows that came to the step, and those that ended there."""
        return self.manifest.by_step.get(self.name, AtStep())

    def rows(self, role: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of the level's files of a role (data, dropped, …), each file checked."""
        return read_rows(self.store, self.folder, self.manifest, role, columns)


Contribute = Callable[[StepView], Iterable[Section]]
Sections = Mapping[str, Contribute]
"""kind of step → its sections"""


def sections_of(view: StepView, known: Sections) -> list[Section]:
    """The sections of a step; one that fails says so."""
    contribute = known.get(str(view.step.get("kind")))
    if contribute is None:
        return []
    try:
        return list(contribute(view))
    except Exception as error:  # a picture that cannot be drawn is no reason to withhold the others
        return [Section(view.name, fragment("<p>Cannot be shown: {{ why }}.</p>", why=describe(error)))]


@cache
def templates() -> Environment:
    """The templates; all that is put in is escaped, and a name that is not given is an error."""
    loader = PackageLoader("pipeline.report")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {"count": count, "number": number, "share": share, "size": size}
    found.globals["svg"] = svg
    return found


def fragment(source: str, **values: Any) -> Markup:
    """HTML from a piece of a template; the values are escaped unless they are Markup."""
    return Markup(templates().from_string(source).render(**values))


def render(name: str, **values: Any) -> str:
    """A page from a template file."""
    return templates().get_template(name).render(**values)


def count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def number(value: float | None) -> str:
    """Four digits, as in the terminal."""
    return "-" if value is None else f"{value:.4g}"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def size(value: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"
