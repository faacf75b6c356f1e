"""The inputs of a run, named by their content: here, or by tasks of the run's runner."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from flows.runs import inputs as module
from flows.runs.inputs import find_paths, identify, identify_all
from flows.runs.recipe import RecipeError
from pipeline.run.runners.inline import InlineRunner
from pipeline.store.shard import file_sha256
from stages.l0_collect.readers import hash_memory
from tests.flows.runs.test_run import lines, recipe


def test_inputs_are_named_by_their_content(tmp_path: Path):
    paths = [lines(tmp_path / name, "same") for name in ("a.jsonl", "b.jsonl")]
    found = [identify(path) for path in find_paths(recipe(str(tmp_path / "*.jsonl")))]
    assert [file.path for file in found] == paths
    assert {file.sha256 for file in found} == {file_sha256(Path(paths[0]))}


def test_no_input_is_an_error_that_says_where_to_name_it(tmp_path: Path):
    with pytest.raises(RecipeError, match=r"paths is empty; name files in the recipe or with --input"):
        find_paths(recipe())
    with pytest.raises(RecipeError, match=r"absent\.jsonl"):
        find_paths(recipe(str(tmp_path / "absent.jsonl")))


class Elsewhere:
    """A runner whose tasks run, as it were, on another machine; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def map(self, function: Any, tasks: Any, *_: Any) -> Any:
        for index, task in reversed(list(enumerate(tasks))):
            self.asked.append(tuple(Path(path).name for path in task.paths))
            with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as there:
                there.setenv("XDG_CACHE_HOME", home)
                found = function(task)
            yield index, found


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of 9, 3, 9, 9 and 9 bytes, of which 9 are large and 18 worth a task."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hash_memory, "REMEMBERED_FROM", 9)
    monkeypatch.setattr(hash_memory, "SETTLED_SECONDS", -1)
    monkeypatch.setattr(module, "TASK_BYTES", 18)
    texts = {"a": "123456789", "b": "123", "c": "abcdefghi", "d": "ABCDEFGHI", "e": "000000000"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in texts]


def test_large_inputs_are_hashed_by_tasks_and_remembered(files: list[str], monkeypatch: pytest.MonkeyPatch):
    expected = tuple(identify(path) for path in files[:2])
    runner = Elsewhere()
    found = identify_all(files, runner=lambda: runner)  # `a` is known already
    assert runner.asked == [("e",), ("c", "d")]
    assert [file.path for file in found] == files
    assert [file.sha256 for file in found] == [file_sha256(Path(path)) for path in files]
    assert found[:2] == expected
    monkeypatch.setattr(hash_memory, "file_sha256", None)  # nothing is hashed again, but what is small
    assert hash_memory.unhashed_bytes(files[2]) == 0
    assert identify(files[2]) == found[2]


def test_little_to_hash_opens_no_runner(files: list[str]):
    def never() -> Any:
        raise AssertionError("it was opened")

    assert [file.path for file in identify_all(files[:2], runner=never)] == files[:2]
    first = identify_all(files)  # without a runner
    assert identify_all(files, runner=never) == first  # all are known


def test_tasks_in_this_process_would_only_be_slower(files: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(InlineRunner, "map", None)
    assert [file.path for file in identify_all(files, runner=InlineRunner)] == files


class Ill(Elsewhere):
    """Its tasks end in a fault."""

    def map(self, function: Any, tasks: Any, *_: Any) -> Any:
        yield 0, OSError(5, "the disk is ill")


def test_a_fault_of_a_task_is_the_plans(files: list[str]):
    with pytest.raises(OSError, match="the disk is ill"):
        identify_all(files, runner=Ill)


def test_what_is_not_a_large_local_file_has_nothing_to_hash(tmp_path: Path, files: list[str]):
    for path in (str(tmp_path), str(tmp_path / "absent"), "s3://bucket/key", files[1], "with\0zero"):
        assert hash_memory.unhashed_bytes(path) == 0
    assert hash_memory.unhashed_bytes(files[0]) == 9
