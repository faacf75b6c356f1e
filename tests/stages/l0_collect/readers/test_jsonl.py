"""JSON Lines in: every line comes out as a row or a quarantine entry."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.steps import SourceBatch, Unit
from stages.l0_collect.readers import jsonl, records, row_buffer
from stages.l0_collect.readers.jsonl import JsonlSource


def read(path: Path, **settings: str) -> list[SourceBatch]:
    source = JsonlSource(**settings)
    return [batch for unit in source.units(str(path), "hash") for batch in source.read(unit)]


def read_one(path: Path, **settings: str) -> tuple[list[dict[str, object]], list[tuple[str, str, str]]]:
    [batch] = read(path, **settings)
    return batch.rows.to_pylist(), batch.quarantined


def test_keys_are_mapped_and_the_rest_is_meta(tmp_path: Path) -> None:
    line = {"id": 7, "text": "käse", "url": "http://a.test/", "timestamp": "2024", "n": [1], "empty": None, "meta": {}}
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    rows, quarantined = read_one(tmp_path / "a.jsonl", source="crawl")
    assert rows == [{
        "text": "käse", "url": "http://a.test/", "source": "crawl", "date": "2024", "source_id": "7",
        "meta": '{"n": [1], "source_meta": {}}',
    }]  # fmt: skip
    assert quarantined == []


def test_every_bad_line_is_one_entry_and_costs_no_other(tmp_path: Path) -> None:
    lines = [
        b'{"text": "first"}', b'{"text": ', b"[1]", b"", b'{"url": "u"}', b'{"text": null}', b'{"text": " "}',
        b'{"text": 3}', b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"[" * 100_000, b'{"text": "last"}',
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [row["text"] for row in rows] == ["first", "last"]
    assert [(position, error.partition(":")[0]) for position, _, error in quarantined] == [
        ("a.jsonl#2", "JSONDecodeError"),
        ("a.jsonl#3", "the line is a list, not a JSON object"),
        ("a.jsonl#5", "text is null"),
        ("a.jsonl#6", "text is null"),
        ("a.jsonl#7", "text is empty"),
        ("a.jsonl#8", "text is a number, not a string"),
        ("a.jsonl#9", "UnicodeDecodeError"),
        ("a.jsonl#10", "UnicodeEncodeError"),
        ("a.jsonl#11", "RecursionError"),
    ]


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_compression_is_seen_in_the_bytes(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.data").write_bytes(pa.compress(b'{"text": "a"}\n{"text": "b"}', codec, asbytes=True))
    rows, quarantined = read_one(tmp_path / "a.data")
    assert ([row["text"] for row in rows], quarantined) == (["a", "b"], [])


def test_truncated_gzip_keeps_the_lines_before_and_says_that_the_rest_is_lost(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"text": "line %d"}\n' % number for number in range(20_000)), mtime=0)
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    batches = read(tmp_path / "a.jsonl.gz")
    texts = [text for batch in batches for text in batch.rows.column("text").to_pylist()]
    assert 5_000 < len(texts) < 15_000
    assert texts == [f"line {number}" for number in range(len(texts))]
    [(position, _, error)] = [entry for batch in batches for entry in batch.quarantined if "lost" in entry[2]]
    assert (position, "ends too early" in error) == (f"a.jsonl.gz#{len(texts) + 1}", True)


def test_bytes_behind_damage_are_counted(tmp_path: Path) -> None:
    lines = "".join(f'{{"text": "{random.Random(line).randbytes(50).hex()}"}}\n' for line in range(3_000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0) + b"no gzip " * 30_000)
    batches = read(tmp_path / "a.jsonl.gz")
    assert 2_900 < sum(len(batch.rows) for batch in batches) <= 3_000
    unread = sum(batch.unread_bytes for batch in batches)
    assert 240_000 <= unread <= 240_000 + 65_536, "from the block on in which the damage begins"
    (tmp_path / "b.jsonl").write_text('{"text": "a"}\nbad\n')
    assert sum(batch.unread_bytes for batch in read(tmp_path / "b.jsonl")) == 0, "a bad line was read"


def test_overlong_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAXIMUM_LINE", 100)
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "%s"}\n{"text": "short"}\n' % (b"x" * 250))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [row["text"] for row in rows] == ["short"]
    assert quarantined == [("a.jsonl#1", "", "the line is longer than 100 bytes")]


def test_a_line_of_too_many_values_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAXIMUM_VALUES", 20)
    many = [b"[],", b"{},", b'"",']
    lines = [b'{"text": "a", "other": [%s 0]}\n' % (kind * 20) for kind in many]
    lines += [b'{"text": "b", "other": [%s 0]}\n' % (b"[]," * 10), b'{"text": "%s"}' % (b"long " * 20)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [row["text"] for row in rows] == ["b", "long " * 20]
    assert [entry[2] for entry in quarantined] == ["the line may hold more than 20 values"] * 3


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_buffer, "BATCH_ROWS", 3)
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\nbad\n' * 4)
    assert [(len(batch.rows), len(batch.quarantined)) for batch in read(tmp_path / "a.jsonl")] == [
        (2, 1), (1, 2), (1, 1),
    ]  # fmt: skip


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(JsonlSource().read(Unit(str(tmp_path / "gone"), "hash")))


def test_real_file(shared_data: Path) -> None:
    batches = read(shared_data / "c4" / "c4_sample.jsonl.gz")
    assert (sum(len(batch.rows) for batch in batches), batches[0].quarantined) == (1000, [])
