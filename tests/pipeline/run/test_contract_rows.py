"""What the contract shows a step: whole documents, texts without words, the same again from a copy and in two files."""

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.run import contract
from pipeline.run.contract import EMPTY, TEXTS, check_step
from pipeline.steps import Outcome, RowStep, Step
from stages.l3_synthesize.rewrite import Rewrite
from tests.pipeline.helpers import Lines, SameFirstWord


class Seen(RowStep):
    """Keeps what it is shown."""

    kind: Literal["seen"] = "seen"
    batches: ClassVar[list[pa.RecordBatch]] = []

    def prepare(self) -> None:
        self.batches.clear()

    def process(self, batch: Batch) -> Outcome:
        self.batches.append(batch.rows)
        return Outcome(batch)


def shown(rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
    check_step(Seen, {}, rows)
    return Seen.batches[0]


def test_without_rows_a_step_sees_texts_of_several_scripts_and_two_without_words():
    assert shown([]).column("text").to_pylist() == [*TEXTS, *EMPTY]
    assert any(not text.isascii() for text in TEXTS)


def test_what_a_row_lacks_is_made_up():
    rows = shown([{"text": "a b", "url": "u", "quality": 0.5}, {"text": "a b", "quality": None}]).to_pylist()
    assert [(row["text"], row["url"], row["quality"]) for row in rows] == [
        ("a b", "u", 0.5), ("a b", "", None), ("", "u", 0.5), (" \n\t", "u", 0.5),
    ]  # fmt: skip
    assert len({row["id"] for row in rows}) == 4  # also of one text
    assert [row["text_hash"] for row in rows[:2]] == [content_hash("a b")] * 2
    assert [(row["source"], row["date"], row["meta"]) for row in rows] == [("", "", None)] * 4


def test_before_extraction_a_row_has_a_page():
    rows = shown([{"html": b"<p>x"}])
    assert rows.column("html").to_pylist() == [b"<p>x", b"", b" \n\t"]
    assert "text" not in rows.schema.names


def test_a_step_is_shown_all_rows_at_once_four_times_and_then_each_alone():
    shown([{"text": "a"}])
    assert [rows.num_rows for rows in Seen.batches] == [3, 3, 3, 3, 1, 1, 1]


class Counting(Lines):
    """Reads one line more each time."""

    kind: Literal["counting"] = "counting"  # type: ignore[assignment]
    calls: ClassVar[Any] = itertools.count()

    def read(self, unit):
        for batch in super().read(unit):
            batch.quarantined.append((str(next(self.calls)), "", "x"))
            yield batch


def test_a_source_must_read_the_same_again(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("one\n")
    with pytest.raises(AssertionError, match=r"Counting reads .*in\.txt otherwise the second time"):
        check_step(Counting, {"paths": [str(path)]})


class Moody(Rewrite):
    """Asks for something else each time."""

    calls: ClassVar[Any] = itertools.count()

    def requests(self, batch):
        return super().requests(batch)[next(self.calls) :]


def test_a_generator_must_ask_for_the_same_again():
    parameters = {"engine": "template", "prompts": ["rephrase"]}
    check_step(Rewrite, parameters)
    with pytest.raises(AssertionError, match="Moody: the same documents lead to other requests"):
        check_step(Moody, parameters)


class Wordless(SameFirstWord):
    """Bears a text without words."""

    kind: Literal["wordless"] = "wordless"  # type: ignore[assignment]

    def keys(self, batch: Batch, side: Any) -> pa.Table:
        return super().keys(
            batch.with_text(pa.array([text.strip() or "none" for text in batch.text.to_pylist()])), side
        )


class FirstFile(Wordless):
    """Keeps the rows of the first file alone."""

    kind: Literal["first_file"] = "first_file"  # type: ignore[assignment]

    def decide(self, members: pa.Table) -> pa.Table:
        found = super().decide(members)
        rules = pa.array([None if shard == 0 else "late" for shard in found["shard"].to_pylist()], pa.string())
        return found.set_column(found.schema.get_field_index("rule"), "rule", rules)


def test_a_grouping_step_may_not_look_at_the_files(monkeypatch: pytest.MonkeyPatch):
    rows = [{"text": text, "quality": number} for number, text in enumerate(("one word", "one more", "two of them"))]
    halves: list[list[int]] = []
    kept = contract._kept
    monkeypatch.setattr(
        contract, "_kept", lambda step, files: (halves.append([rows.num_rows for rows in files]), kept(step, files))[1]
    )
    check_step(Wordless, {}, rows)
    assert halves == [[5], [5], [3, 2]]
    with pytest.raises(AssertionError, match="FirstFile decides otherwise where the same rows come in two files"):
        check_step(FirstFile, {}, rows)


class Forgetful(Seen):
    """Comes out of a pickle as another."""

    kind: Literal["forgetful"] = "forgetful"  # type: ignore[assignment]
    size: int = 1

    def __reduce__(self) -> Any:
        return Forgetful, ()


class Rounding(Seen):
    """Is written down with fewer digits than it has."""

    kind: Literal["rounding"] = "rounding"  # type: ignore[assignment]
    share: float = 0.5

    def model_dump_json(self, **settings: Any) -> str:
        return super().model_dump_json(**settings).replace("0.25", "0.3")

    def identity(self) -> dict[str, Any]:
        return {"share": self.share}


class Named(Seen):
    """Has an identity that follows from the place in memory."""

    kind: Literal["named"] = "named"  # type: ignore[assignment]

    def identity(self) -> dict[str, Any]:
        return {"id": id(self)}


@pytest.mark.parametrize(
    ("step", "parameters", "reason"),
    [
        (
            Forgetful,
            {"size": 2},
            "Forgetful.*cannot be sent to a worker|Forgetful: parameters change on their way to a",
        ),
        (Rounding, {"share": 0.25}, "Rounding: a copy has another identity"),
        (Named, {}, "Named: a copy has another identity"),
    ],
)
def test_a_copy_must_be_the_same_step(step: type[Step], parameters: dict[str, Any], reason: str):
    with pytest.raises(AssertionError, match=reason):
        check_step(step, parameters)
