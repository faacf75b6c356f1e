"""The manifest: what its content id covers, and JSON that is the same for the same level."""

import json
from itertools import permutations

from pipeline.books.accounting import Counts
from pipeline.books.manifest import FORMAT, Manifest, ShardRecord, content_id, dump
from pipeline.store.shard import FileEntry


def entry(role: str, path: str, sha256: str, rows: int = 1) -> FileEntry:
    return FileEntry(role=role, path=path, rows=rows, sha256=sha256, bytes=10)


A, B = entry("data", "data/part-00000.parquet", "aa"), entry("data", "data/part-00001.parquet", "bb", 2)
DROPPED = entry("dropped", "dropped/part-00000.parquet", "cc")


def manifest(*files: FileEntry) -> Manifest:
    return Manifest(
        level="l1_filter", dataset="tøy", recipe_id="r", content_id="c", steps=[{"kind": "min_words"}],
        versions={"b": "2", "a": "1"}, seconds=1.5, files=list(files), **Counts(rows_in=3, rows_out=3).model_dump(),
    )  # fmt: skip


def test_the_content_id_does_not_depend_on_the_order_of_the_files():
    assert len({content_id(list(files)) for files in permutations([A, B, DROPPED])}) == 1


def test_the_content_id_covers_hash_and_rows_of_the_data():
    others = [[A], [A, A], [A, entry("data", B.path, "b0", 2)], [A, entry("data", B.path, "bb", 3)]]
    assert len({content_id(files) for files in ([A, B], *others)}) == 5


def test_the_content_id_is_of_the_data_alone():
    # Where a file lies and what was written down beside it is no content.
    assert content_id([A, B]) == content_id([A, B, DROPPED]) == content_id([entry("data", "elsewhere", "aa"), B])


def test_the_content_id_that_was_published_stays():
    # A change here breaks every `verify` of what is out there.
    assert content_id([A, B]) == "3a693657cea5d9ba634abb63c2f2239f"


def test_paths_are_those_of_one_role_in_their_order():
    found = manifest(B, DROPPED, A)
    assert found.paths("data") == [B.path, A.path]
    assert found.paths("dropped") == [DROPPED.path]
    assert found.paths("clusters") == []


def test_a_manifest_that_was_written_is_read_as_it_was():
    before = manifest(A, DROPPED)
    assert Manifest.model_validate_json(dump(before)) == before
    assert before.format == FORMAT


def test_its_json_is_canonical_and_readable():
    text = dump(manifest(A)).decode()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert '"dataset": "tøy"' in text
    assert text.index('"a": "1"') < text.index('"b": "2"')


def test_a_shard_record_comes_back_with_its_counts():
    counts = Counts(rows_in=2, rows_out=1, dropped={"min_words.too_few_words": 1})
    record = ShardRecord(
        shard=3, input={"sha256": "s", "start": 0, "stop": None}, counts=counts, files=[A], seconds=0.5
    )
    assert ShardRecord.model_validate_json(dump(record)) == record
