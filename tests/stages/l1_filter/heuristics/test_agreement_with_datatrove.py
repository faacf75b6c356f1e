"""The four heuristic filters and datatrove's, on real pages: the same decisions, reasons and texts."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.l1_filters import STEPS, peer_verdicts, verdicts
from pipeline.rows.batch import Batch

TEXTS = 15


def first_texts(folder: Path, name: str) -> list[str]:
    if name == "fineweb":
        return pq.read_table(folder / "fineweb/part-00000.parquet").column("text").to_pylist()[:TEXTS]
    path = {"c4": "c4/c4_sample", "boilerplate": "boilerplate/uk_pages", "wikipedia": "wikipedia/en"}[name]
    with gzip.open(folder / f"{path}.jsonl.gz", "rt") as file:
        return [json.loads(next(file))["text"] for _ in range(TEXTS)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fineweb", "c4", "boilerplate", "wikipedia"])
def test_the_same_decisions_reasons_and_texts(shared_data: Path, name: str) -> None:
    pytest.importorskip("datatrove")
    pytest.importorskip("spacy")
    texts = first_texts(shared_data, name)
    ours = verdicts(Batch(pa.record_batch({"text": pa.array(texts)})))
    theirs = [peer_verdicts(text) for text in texts]
    for kind in STEPS:
        assert [verdict[kind] for verdict in ours] == [verdict[kind] for verdict in theirs], kind
    assert [verdict["text"] for verdict in ours] == [verdict["text"] for verdict in theirs]
