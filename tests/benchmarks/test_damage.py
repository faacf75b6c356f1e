"""No changed byte of a stored file leads to another answer; few tries here, 60 of each kind in the benchmark."""

from pathlib import Path

import pytest

from benchmarks.damage import measure

LOOK_AT_A_PART = ["data of a level | explain a row elsewhere"]


@pytest.mark.slow
def test_no_changed_byte_leads_to_another_answer(tmp_path: Path):
    found = measure(tmp_path, tries=3, seed=1)
    assert len(found) == 18
    assert {name: counts["other"] for name, counts in found.items()} == dict.fromkeys(found, 0)
    assert [name for name, counts in found.items() if counts["same"] and name not in LOOK_AT_A_PART] == []
