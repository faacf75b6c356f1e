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


def test_a_byte_order_mark_of_a_file_joined_to_another_costs_no_line(tmp_path: Path) -> None:
    parts = [b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n', b'\xef\xbb\xbf{"text": "c"}\r\n', b"\xef\xbb\xbf\n"]
    (tmp_path / "a.jsonl").write_bytes(b"".join(parts))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [row["text"] for row in rows] == ["a", "b", "c"]
    assert quarantined == []


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


def test_meta_is_json_that_every_reader_takes(tmp_path: Path) -> None:
    line = '{"text": "a", "n": NaN, "m": [1e999, {"k": -Infinity}], "big": 1180591620717411303424}'
    (tmp_path / "a.jsonl").write_text(line)
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert (rows[0]["meta"], quarantined) == (
        '{"big": 1180591620717411303424, "m": [null, {"k": null}], "n": null}',
        [],
    )


def test_absent_null_empty_and_nan_are_one_thing(tmp_path: Path) -> None:
    others = [json.dumps(dict.fromkeys(("url", "id", "source", "date"), one)) for one in (None, "", float("nan"))]
    lines = ['{"text": "a"}', *(line.replace("{", '{"text": "a", ') for line in others)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows, _ = read_one(tmp_path / "a.jsonl")
    assert len(rows) == 4
    assert {json.dumps(row) for row in rows} == {
        '{"text": "a", "url": "", "source": "", "date": "", "source_id": null, "meta": null}'
    }


def test_a_text_of_nothing_visible_is_empty(tmp_path: Path) -> None:
    texts = ["\u200b\u200b", "\ufeff", "\u00ad \u2060", "\u3164", "\u2800", "\u0000", "a\u200b"]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [row["text"] for row in rows] == ["a\u200b"]
    assert quarantined == [(f"a.jsonl#{number}", "", "text is empty") for number in range(1, 7)]


def test_values_of_identity_that_are_no_strings_become_json(tmp_path: Path) -> None:
    line = {"text": "a", "id": ["x", 1], "source": {"b": 1, "a": "ä"}, "url": 3, "date": True}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    [row], _ = read_one(tmp_path / "a.jsonl")
    assert row == {
        "text": "a", "url": "3", "source": '{"a": "ä", "b": 1}', "date": "true", "source_id": '["x", 1]', "meta": None,
    }  # fmt: skip


def test_nesting_is_bounded_before_parsers_differ(tmp_path: Path) -> None:
    lines = [f'{{"text": "a", "deep": {"[" * depth}{"]" * depth}}}' for depth in (99, 100, 400, 990)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert len(rows) == 1
    assert [error.partition(":")[0] for _, _, error in quarantined][:2] == [
        "the line is nested deeper than 100 levels"
    ] * 2
    assert len(quarantined) == 3


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "HTML"),
        (b"PAR1\x15\x04\x15", "Parquet; read it with `kind: parquet`"),
        (b"text,url\na,b\nc,d\n", r"comma-separated values \(CSV\)"),
        (b"text\turl\na\tb\n", r"tab-separated values \(TSV\)"),
        (b"just some words\nand more of them\n", "plain text"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (gzip.compress(b"x" * 257 + b"ustar", mtime=0), "a tar archive"),
        (gzip.compress(gzip.compress(b'{"text": "a"}', mtime=0), mtime=0), "gzip; unpack it first"),
        (bytes(4096), "NUL bytes only"),
        (b"\x00\x01\x02\x03\xff", "binary data of an unknown kind"),
        (b'["a", "b"]\n["c", "d"]\n', "JSON without objects: the first value is a list"),
        (b"1\n2\n", "JSON without objects: the first value is a number"),
    ],
)
def test_what_is_no_json_is_refused_with_what_it_looks_like(tmp_path: Path, content: bytes, error: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.jsonl holds no JSON objects; it looks like {error}"):
        JsonlSource().units(str(tmp_path / "a.jsonl"), "")


@pytest.mark.parametrize(
    ("line", "settings", "error"),
    [
        ({"content": "a", "n": 1}, {}, "has no key 'text', only content, n; set `text_column` to one of them"),
        ({"text": "a"}, {"date_column": "when"}, "has no key 'when', only text; set `date_column`"),
        ({"text": ["a", "b"]}, {}, "'text' is a list and must be a string; set `text_column`"),
        ({"text": 3}, {}, "'text' is a number and must be a string"),
    ],
)
def test_keys_that_do_not_fit_are_refused_before_anything_starts(
    tmp_path: Path, line: dict[str, object], settings: dict[str, str], error: str
) -> None:
    (tmp_path / "a.jsonl").write_text((json.dumps(line) + "\n") * 30)
    with pytest.raises(ValueError, match=error):
        JsonlSource(**settings).units(str(tmp_path / "a.jsonl"), "")


@pytest.mark.parametrize("content", ['{"text": "cut', '{"text": null}\n', '{"url": "u"}\n{"text": "a"}\n', "", "\n \n"])
def test_a_file_with_bad_rows_is_no_bad_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    assert len(JsonlSource().units(str(tmp_path / "a.jsonl"), "")) == 1


def test_a_large_file_is_read_in_ranges_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "UNIT_BYTES", 100)
    lines = [json.dumps({"text": f"line {number}"}) if number != 8 else "bad" for number in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    units = JsonlSource().units(str(tmp_path / "a.jsonl"), "")
    assert [unit.start for unit in units] == [0, 100, 200, 300]
    batches = [batch for unit in units for batch in JsonlSource().read(unit)]
    texts = [text for batch in batches for text in batch.rows.column("text").to_pylist()]
    assert texts == [f"line {number}" for number in range(20) if number != 8]
    assert [entry[0] for batch in batches for entry in batch.quarantined] == ["a.jsonl@100#3"]
    (tmp_path / "b.jsonl").write_text(f"[{','.join(line for line in lines if line != 'bad')}]")
    assert len(JsonlSource().units(str(tmp_path / "b.jsonl"), "")) == 1, "an array is read from its beginning"


def test_a_damaged_member_is_one_entry_and_its_bytes_are_counted(tmp_path: Path) -> None:
    members = [
        gzip.compress(b"".join(b'{"text": "%d %d"}\n' % (part, line) for line in range(100)), mtime=0)
        for part in range(3)
    ]
    bad = bytearray(members[1])
    bad[len(bad) // 2] ^= 1
    (tmp_path / "a.jsonl.gz").write_bytes(members[0] + bytes(bad) + members[2])
    [batch] = read(tmp_path / "a.jsonl.gz")
    assert batch.rows.column("text").to_pylist() == [f"{part} {line}" for part in (0, 2) for line in range(100)]
    assert ([entry[0] for entry in batch.quarantined], batch.unread_bytes) == (["a.jsonl.gz#101"], len(bad))


def test_a_line_with_two_texts_is_no_document(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "n": 1, "text": "b"}',
        '{"text": "c", "n": {"text": "d"}}',
        '{"text": "text", "n": 1, "n": 2}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows, quarantined = read_one(tmp_path / "a.jsonl")
    assert [(row["text"], row["meta"]) for row in rows] == [("c", '{"n": {"text": "d"}}'), ("text", '{"n": 2}')]
    assert quarantined == [("a.jsonl#1", "", "'text' comes twice in the line, and a document has one text")]
