"""When a level gives no result: a step that fails nearly everywhere, one that decides nothing, nothing to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.run.failures import LevelError
from pipeline.run.grouping import Grouping
from pipeline.run.level import Finished, PlanError, run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, l1, silent, write_lines


class Undecided(SameFirstWord):
    """Groups, but forgets to say what follows."""

    def group(self, grouping: Grouping) -> None:
        grouping.map("keys", self.keys)


def run(folder: Path, lines: list[str], *steps: Any) -> Finished:
    store = LocalStore(folder / "store")
    collected = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", lines))
    return run_level(l1(*steps), store, InlineRunner(), silent, parent=collected)


def lines(poison: int, good: int) -> list[str]:
    return [f"poison number {number}" for number in range(poison)] + [f"good line {number}" for number in range(good)]


@pytest.mark.parametrize(("poison", "good"), [(20, 0), (12, 12), (0, 30)])
def test_single_bad_rows_are_the_datas(tmp_path: Path, poison: int, good: int):
    manifest = run(tmp_path, lines(poison, good), MinWords()).manifest
    assert (manifest.quarantined, manifest.rows_out) == (poison, good)


@pytest.mark.parametrize(("poison", "good"), [(21, 0), (13, 12)])
def test_more_than_half_of_many_rows_are_the_steps(tmp_path: Path, poison: int, good: int):
    with pytest.raises(LevelError) as stopped:
        run(tmp_path, lines(poison, good), MinWords())
    said = str(stopped.value)
    assert f"{poison} of {poison + good} rows could not be processed" in said
    # What failed first, and where the others stand.
    assert "failed at 01 min_words with: ValueError: cannot count poison" in said
    (path,) = (word for word in said.split() if "/quarantine/" in word)
    assert (tmp_path / "store" / path).is_file()
    assert not list((tmp_path / "store").glob("l1_filter/*/manifest.json"))


def test_a_grouping_step_must_decide(tmp_path: Path):
    with pytest.raises(LevelError, match=r"'same_first_word' ended without calling grouping\.decide"):
        run(tmp_path, lines(0, 3), Undecided())


def test_a_level_reads_a_source_or_a_level(tmp_path: Path):
    with pytest.raises(PlanError, match=r"l1_filter.*l0_collect"):
        run_level(l1(MinWords()), LocalStore(tmp_path), InlineRunner(), silent)
