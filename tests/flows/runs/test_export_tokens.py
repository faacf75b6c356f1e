"""A release as Megatron's indexed files: what was written is the text, and nothing else."""

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.runs.export_tokens import export_megatron
from pipeline.ablation import megatron
from pipeline.ablation.tokenizer import BOS, train_tokenizer
from pipeline.errors import UsageError

TEXTS = ["the mill at the river", f"a text that spells {BOS} out", "", "twice"]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_text(train_tokenizer(TEXTS, 300).to_str())
    return path


@pytest.fixture
def release(tmp_path: Path) -> str:
    (tmp_path / "release").mkdir()
    pq.write_table(pa.table({"text": TEXTS, "repeats": [1, 1, 1, 2]}), tmp_path / "release" / "a.parquet")
    pq.write_table(pa.table({"text": TEXTS[:1]}), tmp_path / "release" / "b.parquet")
    return str(tmp_path / "release")


def test_the_text_comes_back_with_its_repeats(release: str, tokenizer: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    target = export_megatron(release, tokenizer, BOS, tmp_path / "out")
    assert sorted(path.name for path in target.iterdir()) == [
        "part-00000.bin", "part-00000.idx", "part-00001.bin", "part-00001.idx", "tokens.json",
    ]  # fmt: skip
    loaded = Tokenizer.from_file(str(tokenizer))
    tokens, starts = megatron.read(target / "part-00000")
    found = [tokens[begin:end].tolist() for begin, end in pairwise(starts)]
    assert {ids[-1] for ids in found} == {loaded.token_to_id(BOS)}
    assert [loaded.decode(ids[:-1], skip_special_tokens=False) for ids in found] == [*TEXTS[:2], "twice", "twice"]
    assert all(loaded.token_to_id(BOS) not in ids[:-1] for ids in found)
    record = json.loads((target / "tokens.json").read_text())
    assert (record["documents"], record["tokens"]) == (5, len(tokens) + len(megatron.read(target / "part-00001")[0]))
    assert export_megatron(release, tokenizer, BOS, target) == target, "again over its own files"


def test_what_cannot_be_exported_is_refused(release: str, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no token '<eod>'; name the one that ends a document with --end"):
        export_megatron(release, tokenizer, "<eod>", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with pytest.raises(UsageError, match=r"give a tokenizer\.json of Hugging Face"):
        export_megatron(release, broken, BOS, tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds 'tokenizer\.json', which is no file of this command"):
        export_megatron(release, tokenizer, BOS, tmp_path)
