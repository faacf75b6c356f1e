"""What `orefine ablate` reads from its options: names of candidates, a sweep."""

import pytest

from flows.commands.ablate import _names, read_sweep


def test_candidates_have_names_that_tell_them_apart() -> None:
    assert _names(["s3://bucket/anything"]) == ["candidate"]
    assert _names(["a/l1.parquet", "b/l1.parquet", "web@2"]) == ["l1", "l1-2", "web@2"]
    assert _names(["baseline", "x"]) == ["baseline-1", "x"]


def test_a_sweep_is_a_column_and_shares() -> None:
    assert read_sweep("quality=0.1,0.3") == ("quality", [0.1, 0.3])
    assert read_sweep(None) is None
    with pytest.raises(ValueError, match=r"--sweep .quality.: give a column and shares, such as quality=0\.1,0\.3"):
        read_sweep("quality")
