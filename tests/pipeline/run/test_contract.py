"""The contract refuses each kind of step that would not work in a run, with the reason."""

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.run.contract import check_step
from pipeline.steps import DocumentFilter, Judgement, Outcome, RowStep, Scorer, Step, Transform, Transformed
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, Shout


@pytest.mark.parametrize("step", [MinWords, Shout])
def test_steps_that_work_pass(step: type[Step]):
    check_step(step)


def test_a_source_reads_its_files(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("one\n\ntwo\n")
    check_step(Lines, {"paths": [str(path)]})


class Plain(DocumentFilter):
    """Keep all documents."""

    kind: Literal["plain"] = "plain"

    def reason_to_drop(self, document: Document) -> str | None:
        return None


class NoDocstring(Plain):
    kind: Literal["no_docstring"] = "no_docstring"  # type: ignore[assignment]


class BadKind(Plain):
    """Its name would be part of paths and reasons."""

    kind: Literal["Bad/Kind"] = "Bad/Kind"  # type: ignore[assignment]


class Thawed(Plain):
    """Parameters that change."""

    model_config: ClassVar[Any] = {"frozen": False}


class Lax(Plain):
    """Typing errors in recipes go unseen."""

    model_config: ClassVar[Any] = {"extra": "ignore"}


class FirstWord(Plain):
    """Fails on no words."""

    def reason_to_drop(self, document: Document) -> str | None:
        return None if document.text.split()[0] else "never"


class Measured(Plain):
    """Writes its measure into the rule."""

    def reason_to_drop(self, document: Document) -> str | None:
        return f"{len(document.text)} characters"


class EverySecond(Plain):
    """Counts calls."""

    calls: ClassVar[Any] = itertools.count()

    def reason_to_drop(self, document: Document) -> str | None:
        return "odd" if next(self.calls) % 3 else None


class BelowMean(RowStep):
    """Compares a row with its batch."""

    kind: Literal["below_mean"] = "below_mean"

    def process(self, batch: Batch) -> Outcome:
        lengths = [len(text) for text in batch.text.to_pylist()]
        judgement = Judgement(len(batch))
        for row, length in enumerate(lengths):
            if length < sum(lengths) / len(lengths):
                judgement.drop_row(row, "below_mean")
        return Outcome(batch, judgement)


class Leaves(RowStep):
    """Leaves rows out by itself."""

    kind: Literal["leaves"] = "leaves"

    def process(self, batch: Batch) -> Outcome:
        return Outcome(batch.slice(0, 1))


class WrongType(Scorer):
    """Declares one type and adds another."""

    kind: Literal["wrong_type"] = "wrong_type"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("size", pa.int32()),)

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        return {"size": pa.array([1.0] * len(batch))}


class OtherType(Transform):
    """Declares one type and adds another by hand."""

    kind: Literal["other_type"] = "other_type"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("size", pa.int32()),)

    def transform(self, batch: Batch) -> Transformed:
        return Transformed(batch.with_column(pa.field("size", pa.int64()), pa.array([1] * len(batch))))


class Undeclared(Shout):
    """Declares a column and does not add it."""

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("size", pa.int32()),)


class LongOnly(SameFirstWord):
    """Fails on a text of two words. One without any never comes to it: L0 has put that into quarantine."""

    kind: Literal["long_only"] = "long_only"  # type: ignore[assignment]

    def keys(self, batch: Batch, _: Any) -> pa.Table:
        for text in batch.text.to_pylist():
            text.split()[2]
        return super().keys(batch, _)


class Lucky(SameFirstWord):
    """Another decision each time."""

    kind: Literal["lucky"] = "lucky"  # type: ignore[assignment]
    calls: ClassVar[Any] = itertools.count()

    def keys(self, batch: Batch, _: Any) -> pa.Table:
        texts = pa.array([text or "none" for text in map(str.strip, batch.text.to_pylist())])
        return super().keys(batch.with_text(texts), _)

    def decide(self, members: pa.Table) -> pa.Table:
        found = super().decide(members)
        size = pa.array([next(self.calls)] * len(found), pa.int32())
        return found.set_column(found.schema.get_field_index("group_size"), "group_size", size)


ROWS = [{"text": "one word"}, {"text": "one more"}, {"text": "two of them"}]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (NoDocstring, "NoDocstring has no docstring"),
        (BadKind, "kind 'Bad/Kind' is no name"),
        (Thawed, "Thawed must stay frozen"),
        (Lax, "Lax must go on refusing unknown parameters"),
        (FirstWord, "FirstWord raises on a text without words: IndexError"),
        (Measured, "rule '8 characters' is no name; put what was measured into Reason"),
        (EverySecond, "EverySecond decides otherwise the second time"),
        (BelowMean, "BelowMean decides otherwise about row 3 by itself"),
        (Leaves, "Leaves must hand back all 5 rows"),
        (WrongType, "WrongType raises on 5 rows: ArrowTypeError"),
        (OtherType, "OtherType declares 'size' as int32 and adds int64"),
        (Undeclared, "Undeclared declares the column 'size' and does not add it"),
    ],
)
def test_what_would_not_work_is_named(step: type[Step], reason: str):
    with pytest.raises(AssertionError, match=reason):
        check_step(step, {}, ROWS)


def test_a_class_in_a_function_cannot_be_sent_to_a_worker():
    class Local(Plain):
        """Nobody else can import it."""

    with pytest.raises(AssertionError, match="Local cannot be sent to a worker"):
        check_step(Local)


def test_code_that_cannot_be_followed_is_refused(tmp_path, monkeypatch):
    import importlib

    code = "from tests.pipeline.run.test_contract import Plain\nclass Loads(Plain):\n    'x'\n    y: int = eval('1')\n"
    (tmp_path / "loads_by_name.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match=r"Loads: .*loads_by_name.py:4: `eval` runs code that no recipe id can"):
        check_step(importlib.import_module("loads_by_name").Loads)


def test_a_grouping_step_is_run_as_a_level_runs_it():
    with pytest.raises(AssertionError, match="Lucky decides otherwise the second time"):
        check_step(Lucky, {}, ROWS)
    with pytest.raises(AssertionError, match=r"LongOnly raises on 5 rows: .*IndexError"):
        check_step(LongOnly, {}, ROWS)
