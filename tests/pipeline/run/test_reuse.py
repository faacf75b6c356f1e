"""A level over more files than an earlier one takes over the shards that both have, and comes to the same bytes."""

from pathlib import Path

import pytest

from pipeline.run import shards as module
from pipeline.run.level import run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines
from tests.pipeline.run.test_generate import Echo

OLD = [["apple pie is good", "banana split"], ["cherry cake", "dates are sweet"]]
NEW = [*OLD, ["elder flower", "fig tree"]]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directory of each shard that a task has worked on."""
    seen: list[str] = []
    work = module.run_row_task
    monkeypatch.setattr(module, "run_row_task", lambda task: seen.append(task.directory) or work(task))
    return seen


def test_only_new_files_are_read(tmp_path: Path, worked: list[str]):
    store, fresh = LocalStore(tmp_path / "store"), LocalStore(tmp_path / "fresh")
    old, new = write_lines(tmp_path / "old", *OLD), write_lines(tmp_path / "new", *NEW)
    steps = (MinWords(minimum=2), Shout())
    for inputs in (old, new):
        worked.clear()
        first = run_level(l0(), store, InlineRunner(), silent, inputs)
        last = run_level(l1(*steps), store, InlineRunner(), silent, parent=first)
    assert [place.split("/")[0] for place in worked] == ["l0_collect", "l1_filter"], "one shard of three"
    alone = run_level(
        l1(*steps), fresh, InlineRunner(), silent, parent=run_level(l0(), fresh, InlineRunner(), silent, new)
    )
    assert last.manifest.content_id == alone.manifest.content_id
    assert last.manifest.model_copy(update={"seconds": 0}) == alone.manifest.model_copy(update={"seconds": 0})
    assert len(store.list("reuse/l0_collect")) == 1, "the list of the smaller level is of no more use"


def test_other_steps_take_over_nothing(tmp_path: Path, worked: list[str]):
    store, inputs = LocalStore(tmp_path / "store"), write_lines(tmp_path / "in", *OLD)
    first = run_level(l0(), store, InlineRunner(), silent, inputs)
    run_level(l1(MinWords(minimum=2)), store, InlineRunner(), silent, parent=first)
    worked.clear()
    run_level(l1(MinWords(minimum=3)), store, InlineRunner(), silent, parent=first)
    assert len(worked) == 2


def test_a_pass_after_a_shuffle_is_made_anew(tmp_path: Path, worked: list[str]):
    store = LocalStore(tmp_path / "store")
    for name, lines in (("old", OLD), ("new", NEW)):
        worked.clear()
        first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / name, *lines))
        run_level(l1(SameFirstWord(), Shout()), store, InlineRunner(), silent, parent=first)
    assert [place.split("/")[0] for place in worked] == ["l0_collect", *["l1_filter"] * 3]


@pytest.mark.parametrize("change", ["removed", "purged"])
def test_what_is_not_there_as_it_was_written_is_made_anew(tmp_path: Path, worked: list[str], change: str):
    store = LocalStore(tmp_path / "store")
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "old", *OLD))
    for file in first.manifest.of("data"):
        path = f"{first.directory}/{file.path}"
        store.remove(path) if change == "removed" else store.replace(path, b"other bytes")
    worked.clear()
    second = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "new", *NEW))
    assert len(worked) == 3
    assert second.manifest.rows_out == 6


def test_shards_that_are_read_together_are_taken_over_together(tmp_path: Path, worked: list[str], monkeypatch):
    monkeypatch.setattr("pipeline.run.passes.TOGETHER", 4)
    store = LocalStore(tmp_path / "store")
    for name, lines in (("old", OLD), ("new", NEW)):
        worked.clear()
        first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / name, *lines))
        run_level(Level("l3", "toy", (Echo(),)), store, InlineRunner(), silent, parent=first)
    assert [place.split("/")[0] for place in worked] == ["l0_collect", "l3"], "two shards of before and the new one"
