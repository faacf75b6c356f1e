"""What `orefine ablate` reads from its options: names of candidates, a sweep."""

from pathlib import Path

import pytest

from flows.commands.ablate import _names, read_sweep
from tests.flows.helpers import orefine
from tests.pipeline.ablation.helpers import sentences, write


def test_candidates_have_names_that_tell_them_apart() -> None:
    assert _names(["s3://bucket/anything"]) == ["candidate"]
    assert _names(["a/l1.parquet", "b/l1.parquet", "web@2"]) == ["l1", "l1-2", "web@2"]
    assert _names(["baseline", "x"]) == ["baseline-1", "x"]


def test_a_sweep_is_a_column_and_shares() -> None:
    assert read_sweep("quality=0.1,0.3") == ("quality", [0.1, 0.3])
    assert read_sweep(None) is None
    with pytest.raises(ValueError, match=r"--sweep .quality.: give a column and shares, such as quality=0\.1,0\.3"):
        read_sweep("quality")


def test_a_file_that_is_no_parquet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "held.parquet").write_text("no parquet", encoding="utf-8")
    write(tmp_path / "arm.parquet", sentences(50, 1))
    arm = tmp_path / "arm.parquet"
    done = orefine("ablate", arm, arm, "--output", tmp_path / "out", "--heldout", tmp_path / "held.parquet", code=2)
    assert "held.parquet is no Parquet file that can be read" in done.stderr
    assert "give Parquet or JSONL" in done.stderr
