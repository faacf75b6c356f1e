"""The conservation law: rows in + rows made = kept + dropped by reason + quarantined; and the same by source.

Rows are also counted at each step by the values of GROUPED, so that a step that wipes out one source is seen, and by
prompt and model, so that what L4 refuses is told of the prompt that wrote it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from pipeline.errors import OrefineError

IntArray = np.ndarray[Any, np.dtype[Any]]
GROUPED = ("source", "language")
"""Columns by whose values rows are counted, where a batch has them."""
WRITTEN_BY = "prompt by model"
"""What rows that have both are counted by: `rephrase@1 by smollm2-135m`."""
MAXIMUM_GROUPS = 100
"""Values of a column counted by name in a batch, shard or level: those of most rows. A source may be a site."""
OTHERS = "(others)"
"""What the values beyond those are counted as."""


class AccountingError(OrefineError):
    """Rows are missing or appear twice. It is a defect of a step or of the core, never of the data."""


class Passage(BaseModel):
    """Rows of one source or language at one step."""

    rows_in: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    """rule → rows"""

    def add(self, other: Passage) -> None:
        self.rows_in += other.rows_in
        _add(self.dropped, other.dropped)


class Tokens(BaseModel):
    """What requests to a model took."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt tokens, those from the engine's cache."""
    completion_tokens: int = 0
    seconds: float = 0.0
    """From sending to the last token, summed over requests that ran at once."""
    cost: float = 0.0
    """At the recipe's prices; 0 without."""

    def add(self, other: Tokens) -> None:
        mine = vars(self)  # once a reply: pydantic's way of setting costs twenty times as much
        for name, value in vars(other).items():
            mine[name] += value


class StoppedPrompt(BaseModel):
    """A prompt that was asked no more, since its share of accepted replies is surely under its floor."""

    accepted: int
    tries: int
    at_most: float
    """Upper end of Wilson's 95 % interval."""
    min_accept: float


class Ending(BaseModel):
    """What ended a generator that was asked for a number of rows or given a budget."""

    accept: int | None
    accepted: int
    budget_tokens: int | None
    tokens: int
    """Prompt and completion tokens of all replies, also of those that were not needed any more."""
    ended_by: str
    """`accept`, `budget_tokens`, `prompts` (all were stopped), or `documents` (there were no more)."""
    stopped: dict[str, StoppedPrompt] = Field(default_factory=dict)

    def lines(self) -> list[str]:
        """What people are told."""
        of = "" if self.accept is None else f" of {self.accept:,}"
        budget = "" if self.budget_tokens is None else f" of {self.budget_tokens:,}"
        why = {
            "accept": "the number asked for is reached",
            "budget_tokens": "the budget of tokens is spent",
            "prompts": "every prompt was stopped",
            "documents": "there are no more documents",
        }[self.ended_by]
        return [
            f"{self.accepted:,}{of} rows accepted with {self.tokens:,}{budget} tokens; {why}",
            *(
                f"prompt {name} was stopped: {one.accepted} of {one.tries} replies accepted, at most "
                f"{one.at_most:.3f} (95 %) against min_accept {one.min_accept:g}"
                for name, one in self.stopped.items()
            ),
        ]


class AtStep(Passage):
    """All rows at one step."""

    quarantined: int = 0
    changed: dict[str, int] = Field(default_factory=dict)
    """change → rows; of a checker also `skipped` and `kept_abstained`"""
    tokens: dict[str, dict[str, Tokens]] = Field(default_factory=dict)
    """Of a generator: prompt → what became of its replies (`accepted`, `asked_again`, `quarantined`, or the rule that
    refused them) → what they took. Every reply counts, also those that an earlier run had asked for."""

    ending: Ending | None = None
    """Of a generator with `accept` or `budget_tokens`, which sees all rows of the level in one task."""

    def unused(self) -> set[str]:
        """Fields that this kind of step has nothing to say in."""
        return {name for name in ("tokens", "ending") if not getattr(self, name)}

    def spend(self, prompt: str, outcome: str, tokens: Tokens) -> None:
        self.tokens.setdefault(prompt, {}).setdefault(outcome, Tokens()).add(tokens)

    def add(self, other: Passage) -> None:
        super().add(other)
        if isinstance(other, AtStep):
            self.quarantined += other.quarantined
            self.ending = self.ending or other.ending
            _add(self.changed, other.changed)
            for prompt, outcomes in other.tokens.items():
                for outcome, tokens in outcomes.items():
                    self.spend(prompt, outcome, tokens)


Groups = dict[str, dict[str, dict[str, Passage]]]
"""column → value → step (its place in the level and its kind: `04 gopher_quality`) → rows"""


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
    unread_bytes: int = 0
    """L0: bytes of input files that could not be read, one quarantined row for each stretch of them."""
    by_step: dict[str, AtStep] = Field(default_factory=dict)
    """Step (`02 threshold`) → rows that came to it, and those that ended there; at L3 one row for each prompt."""
    groups: Groups = Field(default_factory=dict)
    """What each step dropped of each source and language, and of what each prompt made of each model wrote."""

    def come(self, step: str, rows: int) -> None:
        """Rows come to a step."""
        self._at(step).rows_in += rows

    def drop(self, step: str, rules: Iterable[str]) -> None:
        """The step drops a row by each of these rules."""
        kind, here = step.split(" ", 1)[1], self._at(step).dropped
        for rule in rules:
            here[rule] = here.get(rule, 0) + 1
            self.dropped[f"{kind}.{rule}"] = self.dropped.get(f"{kind}.{rule}", 0) + 1

    def change(self, step: str, changes: Mapping[str, int]) -> None:
        """The step changes so many rows, by kind of change."""
        kind = step.split(" ", 1)[1]
        _add(self._at(step).changed, changes)
        _add(self.changed, {f"{kind}.{change}": rows for change, rows in changes.items()})

    def quarantine(self, step: str, rows: int) -> None:
        """The step cannot process that many rows."""
        self._at(step).quarantined += rows
        self.quarantined += rows

    def spend(self, step: str, prompt: str, outcome: str, tokens: Tokens) -> None:
        """A reply of a model to this prompt took so much, and this became of it."""
        self._at(step).spend(prompt, outcome, tokens)

    def end(self, step: str, ending: Ending) -> None:
        """The generator made what it was asked for, or something else ended it."""
        self._at(step).ending = ending

    def _at(self, step: str) -> AtStep:
        return self.by_step.setdefault(step, AtStep())

    def check(self, where: str) -> None:
        """Raise AccountingError unless every row has exactly one fate."""
        fates = self.rows_out + sum(self.dropped.values()) + self.quarantined
        if self.rows_in + self.rows_made != fates:
            raise AccountingError(
                f"{where}: {self.rows_in} rows in and {self.rows_made} made, but {self.rows_out} kept, "
                f"{sum(self.dropped.values())} dropped and {self.quarantined} quarantined make {fates}; "
                "nothing was published. Report this with the recipe"
            )

    def count_groups(
        self, step: str, rows: pa.RecordBatch, gone: IntArray, rules: Sequence[str], made_here: Collection[str] = ()
    ) -> None:
        """Count the rows that came to a step, and those at the places `gone` that it dropped by `rules`.

        Columns in `made_here` are left out: a step that sets the language cannot be held to what it was before.
        """
        broken = pa.array(rules, pa.string()).dictionary_encode()
        for column, values in _grouped(rows, made_here):
            known = self.groups.setdefault(column, {})
            _count_values(known, step, pc.fill_null(values, ""), gone, broken)
            if len(known) > 10 * MAXIMUM_GROUPS:  # a worker's memory must not grow with the number of sites
                self.groups[column] = _largest(known)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over shards, reasons in alphabetical order."""
    result = Counts()
    for part in counts:
        for name in ("rows_in", "rows_made", "rows_out", "quarantined", "bytes_in", "bytes_out", "unread_bytes"):
            setattr(result, name, getattr(result, name) + getattr(part, name))
        _add(result.dropped, part.dropped)
        _add(result.changed, part.changed)
        for step, rows in part.by_step.items():
            result._at(step).add(rows)
        for column, values in part.groups.items():
            for value, steps in values.items():
                _add_steps(result.groups.setdefault(column, {}).setdefault(value, {}), steps)
    result.dropped = dict(sorted(result.dropped.items()))
    result.changed = dict(sorted(result.changed.items()))
    result.by_step = dict(sorted(result.by_step.items()))
    result.groups = {column: _largest(values) for column, values in sorted(result.groups.items())}
    return result


def chain(passes: Iterable[Counts]) -> Counts:
    """One shard through consecutive passes: in at the first, out at the last, dropped anywhere."""
    parts = list(passes)
    result = total(parts)
    result.rows_in, result.bytes_in = parts[0].rows_in, parts[0].bytes_in
    result.rows_out, result.bytes_out = parts[-1].rows_out, parts[-1].bytes_out
    return result


def _grouped(rows: pa.RecordBatch, made_here: Collection[str]) -> Iterator[tuple[str, pa.Array]]:
    """What rows are counted by: name and values."""
    names = [
        name for name in (*GROUPED, "prompt", "model")
        if name in rows.schema.names and name not in made_here and pa.types.is_string(rows.schema.field(name).type)
    ]  # fmt: skip
    yield from ((name, rows.column(name)) for name in names if name in GROUPED)
    if {"prompt", "model"} <= set(names):
        yield WRITTEN_BY, pc.binary_join_element_wise(rows.column("prompt"), rows.column("model"), " by ")


def _count_values(
    known: dict[str, dict[str, Passage]], step: str, values: pa.Array, gone: IntArray, broken: pa.DictionaryArray
) -> None:
    encoded = values.dictionary_encode()
    codes = encoded.indices.to_numpy()
    sizes = np.bincount(codes, minlength=len(encoded.dictionary))
    named = np.argsort(-sizes, kind="stable")[:MAXIMUM_GROUPS]
    place = np.full(len(sizes), len(named))
    place[named] = np.arange(len(named))
    names = [*encoded.dictionary.take(pa.array(named)).to_pylist(), OTHERS]
    for name, count in zip(names, [*sizes[named].tolist(), len(values) - int(sizes[named].sum())], strict=True):
        if count:
            known.setdefault(name, {}).setdefault(step, Passage()).rows_in += count
    rules = broken.dictionary.to_pylist()
    pairs = np.bincount(place[codes[gone]] * len(rules) + broken.indices.to_numpy())
    for pair in np.flatnonzero(pairs).tolist():
        _add(known[names[pair // len(rules)]][step].dropped, {rules[pair % len(rules)]: int(pairs[pair])})


def _largest(values: dict[str, dict[str, Passage]]) -> dict[str, dict[str, Passage]]:
    """The values of most rows as they are, all others as one."""
    others = values.pop(OTHERS, {})
    ordered = sorted(values, key=lambda value: (-max(step.rows_in for step in values[value].values()), value))
    for value in ordered[MAXIMUM_GROUPS:]:
        _add_steps(others, values.pop(value))
    return dict(sorted(values.items())) | ({OTHERS: others} if others else {})


def _add_steps(mine: dict[str, Passage], theirs: dict[str, Passage]) -> None:
    for step, passage in theirs.items():
        mine.setdefault(step, Passage()).add(passage)


def _add(mine: dict[str, int], theirs: Mapping[str, int]) -> None:
    for name, rows in theirs.items():
        mine[name] = mine.get(name, 0) + rows
