"""What every step must keep to, as one check for tests, of ours and of packages outside.

    from pipeline.run.contract import check_step

    def test_min_words():
        check_step(MinWords, {"minimum": 3}, [{"text": "two words"}, {"text": "three short words"}])

It lies beside the passes since it runs the step as they do, and asks for its code as a recipe id does.
"""

from __future__ import annotations

import json
import math
import pickle
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.books.code import UnknownCode, reach_of
from pipeline.books.fingerprint import canonical
from pipeline.errors import WaitsForPeople
from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, content_hash
from pipeline.run.level import InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Generator, GroupingStep, Producer, RowStep, Scorer, Source, SourceBatch, Step, Unit, describe
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256

TEXTS = ("one two three four five", "A sentence. And another one!", "word " * 60, "süß, наука и 汉字 😀")
EMPTY = ("", " \n\t")
NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_step(
    kind: type[Step], parameters: Mapping[str, Any] | None = None, rows: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Raise AssertionError, with the reason, if a step does not keep to the contract.

    `parameters` as in a recipe; `rows` are what it shall see: columns by name, of which `id` and those that every
    document has are made up where they are absent. Rows without text are added.
    """
    name = kind.__name__
    assert vars(kind).get("__doc__"), f"{name} has no docstring; `orefine steps` shows its first line"
    step = kind.model_validate({"kind": kind.model_fields["kind"].default, **(parameters or {})})
    assert NAME.fullmatch(step.kind), f"{name}: kind '{step.kind}' is no name; use a to z, 0 to 9 and _"
    assert kind.model_config.get("frozen"), f"{name} must stay frozen: a step is its parameters"
    assert kind.model_config.get("extra") == "forbid", f"{name} must go on refusing unknown parameters"
    copies = [_through_json(step), _through_pickle(step)]
    for copy in copies:
        assert canonical(copy.identity()) == canonical(step.identity()), f"{name}: a copy has another identity"
    try:
        reach_of(kind.__module__)
    except UnknownCode as error:
        raise AssertionError(f"{name}: {error}") from None
    if isinstance(step, Source):
        _check_source(step, copies)
        return
    batch = _batch(rows or [{"text": text} for text in TEXTS])
    step.check_input(batch.rows.schema)
    for one in (step, *copies):
        one.prepare()
    if isinstance(step, RowStep):
        _check_row_step(step, copies, batch)
    elif isinstance(step, GroupingStep):
        _check_grouping(step, copies, batch)
    elif isinstance(step, Generator):
        asked = [_plain(one.requests(batch)) for one in (step, *copies) if isinstance(one, Generator)]
        assert asked[0] == asked[1] == asked[2], f"{name}: the same documents lead to other requests"
    elif isinstance(step, Producer):
        made = [list(one.produce()) for one in (step, *copies) if isinstance(one, Producer)]
        assert made[0] == made[1] == made[2], f"{name}: it makes other rows the second time, or in another process"


def _through_json(step: Step) -> Step:
    text = step.model_dump_json()
    copy = type(step).model_validate_json(text)
    assert copy.model_dump_json() == text, f"{type(step).__name__}: parameters change on their way through JSON"
    return copy


def _through_pickle(step: Step) -> Step:
    try:
        copy: Step = pickle.loads(pickle.dumps(step))
    except Exception as error:  # pickle raises whatever the class's parts raise
        raise AssertionError(f"{type(step).__name__} cannot be sent to a worker: {error}") from None
    assert copy == step, f"{type(step).__name__}: parameters change on their way to a worker"
    return copy


def _batch(rows: Sequence[Mapping[str, Any]]) -> Batch:
    text = "html" if "html" in rows[0] else "text"  # before extraction a row has a page instead
    empty = [{**rows[0], text: value.encode() if text == "html" else value} for value in EMPTY]
    made = []
    for number, row in enumerate([*rows, *empty]):
        content = content_hash(row[text])
        base = {"id": content_hash(content, str(number)), "text_hash": content, "url": "", "source": "", "date": ""}
        made.append({**base, "meta": None, **row})
    others = pa.Table.from_pylist([{key: row[key] for key in row if key not in BASE_SCHEMA.names} for row in made])
    schema = pa.schema([field for field in BASE_SCHEMA if field.name in made[0]])
    return Batch(pa.RecordBatch.from_pylist(made, pa.unify_schemas([schema, others.schema])))


def _check_row_step(step: RowStep, copies: Sequence[Step], batch: Batch) -> None:
    name = type(step).__name__
    fates = _fates(step, batch)
    for row in range(len(batch) - len(EMPTY), len(batch)):
        assert not fates[row]["error"], f"{name} raises on a text without words: {fates[row]['error']}"
    for fate in fates:
        assert fate["rule"] is None or NAME.fullmatch(fate["rule"]), (
            f"{name}: rule '{fate['rule']}' is no name; put what was measured into Reason(rule, value, threshold)"
        )
    for copy in (step, *copies):
        assert isinstance(copy, RowStep)
        assert _fates(copy, batch) == fates, f"{name} decides otherwise the second time, or in another process"
    alone = [fate for row in range(len(batch)) for fate in _fates(step, batch.slice(row, 1))]
    for row, (one, together) in enumerate(zip(alone, fates, strict=True)):
        assert one == together, f"{name} decides otherwise about row {row} by itself: {one}, with others: {together}"


def _fates(step: RowStep, batch: Batch) -> list[dict[str, Any]]:
    """What becomes of each row, as values that can be compared."""
    name, count = type(step).__name__, len(batch)
    try:
        outcome = step.process(Batch(batch.rows))
    except Exception as error:  # in a run it would cost every row of the batch a second attempt by itself
        raise AssertionError(f"{name} raises on {count} rows: {describe(error)}") from error
    assert len(outcome.batch) == count, f"{name} must hand back all {count} rows and judge them, not leave out any"
    for column in step.columns():
        there = outcome.batch.rows.schema
        assert column.name in there.names, f"{name} declares the column '{column.name}' and does not add it"
        kind = there.field(column.name).type
        assert kind == column.type, f"{name} declares '{column.name}' as {column.type} and adds {kind}"
    fates = []
    for row, values in enumerate(outcome.batch.rows.to_pylist()):
        judgement = outcome.judgement
        rule = judgement.rule[row] if judgement else -1
        measured = (judgement.value[row], judgement.threshold[row]) if judgement else ()
        fates.append(
            {
                "rule": judgement.rules[rule] if judgement and rule >= 0 else None,
                "measured": [None if math.isnan(value) else float(value) for value in measured],
                "error": outcome.errors.get(row),
                "row": _plain(values),
            }
        )
    return fates


def _plain(value: Any) -> str:
    return json.dumps(value, default=repr, ensure_ascii=False, sort_keys=True)


def _check_source(step: Source, copies: Sequence[Step]) -> None:
    """Units and rows of the files that `paths` name, twice."""
    name = type(step).__name__
    inputs = step.inputs()
    for path in step.paths if inputs is None else inputs:
        seen = []
        for one in (step, *copies):
            assert isinstance(one, Source)
            units = one.units(path, one.identify(path) or file_sha256(Path(path)))
            batches = [batch for unit in units for batch in one.read(unit)]
            seen.append(_plain([units, [[b.rows.to_pylist(), b.quarantined, b.dropped] for b in batches]]))
        assert seen[0] == seen[1] == seen[2], f"{name} reads {path} otherwise the second time"


class _Given(Source):
    """The rows of a Parquet file, with every column in `meta` that no document has."""

    kind: Literal["given"] = "given"

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        for batch in pq.read_table(unit.path).to_batches():
            yield SourceBatch(batch)


class _Columns(Scorer):
    """Back from `meta` into columns."""

    kind: Literal["columns_of_meta"] = "columns_of_meta"
    fields: tuple[tuple[str, str], ...]

    def columns(self) -> tuple[pa.Field, ...]:
        return tuple(pa.field(name, pa.type_for_alias(alias)) for name, alias in self.fields)

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        meta = [document.meta for document in batch.documents()]
        return {field.name: pa.array([one.get(field.name) for one in meta], field.type) for field in self.columns()}


def _check_grouping(step: GroupingStep, copies: Sequence[Step], batch: Batch) -> None:
    """Through a level: once as one file, once as two."""
    name = type(step).__name__
    half = len(batch) // 2
    try:
        whole, again = (_kept(one, [batch.rows]) for one in (step, copies[1]))
    except Exception as error:
        raise AssertionError(f"{name} raises on {len(batch)} rows: {describe(error)}") from error
    assert whole == again, f"{name} decides otherwise the second time"
    parts = _kept(step, [batch.rows.slice(half), batch.rows.slice(0, half)])
    assert parts == whole, f"{name} decides otherwise where the same rows come in two files"


def _kept(step: Step, files: Sequence[pa.RecordBatch]) -> list[str]:
    """The rows that a level with this step keeps, in the order of their ids."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = []
        for number, rows in enumerate(files):
            path = Path(folder, f"{number}.parquet")
            pq.write_table(pa.Table.from_batches([rows]), path)
            inputs.append(InputFile(str(path), file_sha256(path)))
        others = [field for field in files[0].schema if field.name not in BASE_SCHEMA.names]
        columns = _Columns(fields=tuple((field.name, str(field.type)) for field in others))
        store, runner = LocalStore(Path(folder, "store")), InlineRunner()
        first = run_level(Level("given", "contract", (columns,), _Given()), store, runner, _unheard, inputs)
        try:
            level = run_level(Level("contract", "contract", (step,)), store, runner, _unheard, parent=first)
        except WaitsForPeople as waits:  # it asks people about the same rows
            return [waits.lot]
        tables = [pq.read_table(store.shown(f"{level.directory}/{path}")) for path in level.manifest.paths("data")]
    return [_plain(row) for row in pa.concat_tables(tables).sort_by("id").to_pylist()]


def _unheard(event: str, fields: Mapping[str, Any]) -> None:
    pass
