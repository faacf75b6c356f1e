"""What every source shares: paths are no identity, remote ones need an extra, documents have a largest size."""

import pyarrow as pa

from pipeline.steps import SourceBatch, Unit
from tests.pipeline.helpers import Lines


def test_where_files_lie_is_no_identity_but_how_they_are_read_is():
    source = Lines(paths=("a", "b"))
    assert source.identity() == {"kind": "lines", "max_document_bytes": 16 * 1024 * 1024}
    assert source.identity() != Lines(paths=("a", "b"), max_document_bytes=1).identity()


def test_remote_paths_need_an_extra():
    assert Lines().extras() == Lines(paths=("a", "/b/c")).extras() == ()
    assert Lines(paths=("a", "s3://bucket/b")).extras() == ("remote",)


def test_a_unit_is_the_whole_file_unless_it_says_so():
    unit = Unit("a", "hash")
    assert (unit.start, unit.stop) == (0, None)


def test_two_batches_share_no_list():
    first, second = (SourceBatch(pa.RecordBatch.from_pydict({"text": ["a"]})) for _ in range(2))
    first.quarantined.append(("1", "", "error"))
    first.dropped.append(("1", "", "rule"))
    assert (second.quarantined, second.dropped) == ([], [])
