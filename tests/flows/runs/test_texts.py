"""Seeds are read as L0 reads: what it takes is taken, and the first row that it would not take is named."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.runs.texts import as_parquet, read_texts
from stages.l2_select.train.seeds import Seeds


def read(path: Path) -> list[str]:
    return [text for texts in read_texts(Seeds(paths=(str(path),)).files()) for text in texts.to_pylist()]


def test_a_mark_blank_lines_compression_and_brackets_in_the_name(tmp_path: Path):
    lines = b'\xef\xbb\xbf{"text": "one"}\n\n{"text": "two"}\n'
    for name, data in (("p[1].jsonl", lines), ("p.jsonl.zst", pa.compress(lines, "zstd", asbytes=True))):
        (tmp_path / name).write_bytes(data)
        assert read(tmp_path / name) == ["one", "two"]
    pq.write_table(pa.table({"text": ["one", "two"]}), tmp_path / "p.parquet")
    assert read(tmp_path / "p.parquet") == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "käse"}'.encode("latin-1"), "UnicodeDecodeError"),
        (b'{"text": 7}', "text is a number, not a string"),
        (rb'{"text": "\ud800"}', "UnicodeEncodeError"),
        (b'{"other": "x"}', "text is null"),
    ],
)
def test_a_line_that_is_no_document_is_named(tmp_path: Path, line: bytes, message: str):
    (tmp_path / "p.jsonl").write_bytes(json.dumps({"text": "one"}).encode() + b"\n" + line + b"\n")
    with pytest.raises(ValueError, match=rf"p\.jsonl#2: {message}.*; mend or remove it"):
        read(tmp_path / "p.jsonl")


def test_a_jsonl_file_becomes_parquet_of_the_same_name_and_all_else_is_itself(tmp_path: Path):
    path = tmp_path / "news.2026.jsonl.gz"
    path.write_bytes(
        pa.compress(b'{"text": "one", "url": "https://a.org/", "n": 1}\n{"text": "two"}\n', "gzip", asbytes=True)
    )
    made = Path(as_parquet(str(path)))
    assert made.name == "news.2026.parquet"
    assert pq.read_table(made).to_pylist() == [{"text": "one", "url": "https://a.org/"}, {"text": "two", "url": ""}]
    for same in ("s3://bucket/held.jsonl", str(tmp_path), str(tmp_path / "absent.jsonl"), str(made)):
        assert as_parquet(same) == same


def test_a_row_that_is_no_document_is_named(tmp_path: Path):
    (tmp_path / "held.jsonl").write_text('{"text": "one"}\n{"text": 3', encoding="utf-8")
    with pytest.raises(ValueError, match=r"held\.jsonl, .*; mend or remove it"):
        as_parquet(str(tmp_path / "held.jsonl"))
