"""What is refused for want of content, and what the message says."""

from typing import Any

from pipeline.books.accounting import Counts
from pipeline.books.emptiness import no_rows, unreadable_files
from pipeline.books.manifest import Manifest, ShardRecord


def manifest(**fields: Any) -> Manifest:
    base: dict[str, Any] = {
        "level": "l0_collect", "dataset": "toy", "recipe_id": "r", "content_id": "c", "steps": [], "versions": {},
        "rows_in": 5, "rows_out": 0, "dropped": {}, "quarantined": 0, "changed": {}, "bytes_in": 0, "bytes_out": 0,
        "seconds": 0.0, "files": [],
    }  # fmt: skip
    return Manifest.model_validate(base | fields)


def record(sha256: str, rows_in: int, quarantined: int) -> ShardRecord:
    counts = Counts(rows_in=rows_in, rows_out=rows_in - quarantined, quarantined=quarantined)
    return ShardRecord(shard=0, input={"sha256": sha256}, counts=counts, files=[], seconds=0)


def test_rows_that_are_left_are_enough():
    assert no_rows(manifest(rows_out=1)) == ""


def test_the_reasons_of_most_rows_come_first():
    found = no_rows(manifest(dropped={"a.x": 1, "b.y": 3, "c.z": 1, "d.z": 1}, rows_in=7, quarantined=1))
    assert "none of 7 rows is left (b.y dropped 3, a.x dropped 1, c.z dropped 1, 1 more reasons, 1 are in" in found


def test_a_file_is_unreadable_if_every_row_of_all_its_parts_is_in_quarantine():
    inputs = [{"path": f"{name}.jsonl", "sha256": name} for name in ("part", "whole", "empty", "good")]
    records = [record("part", 1, 1), record("part", 2, 1), record("whole", 1, 1), record("empty", 0, 0)]
    records += [record("good", 2, 0)]
    assert "nothing could be read of whole.jsonl (1 of 4 input files)" in unreadable_files(
        manifest(inputs=inputs), records
    )
    assert unreadable_files(manifest(inputs=inputs[:1]), records) == ""


def test_many_files_are_named_in_part():
    inputs = [{"path": f"{number}.jsonl", "sha256": str(number)} for number in range(5)]
    found = unreadable_files(manifest(inputs=inputs), [record(str(number), 1, 1) for number in range(5)])
    assert "0.jsonl, 1.jsonl, 2.jsonl and 2 more (5 of 5 input files)" in found
