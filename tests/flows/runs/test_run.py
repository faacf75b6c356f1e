"""A run: what it says and writes down, how it finds its inputs, and what it hands back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.runs import run as module
from flows.runs.live import Live
from flows.runs.recipe import Recipe
from flows.runs.run import Result, Run, open_run, run_recipe
from pipeline.run.runners import InlineRunner
from pipeline.steps.extras import MissingExtra
from pipeline.store.artifact import Artifact, unfinished
from pipeline.store.local import LocalStore

STEPS = [{"kind": "exact_duplicates"}]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def run(tmp_path: Path, said: list[str]) -> Run:
    return Run(LocalStore(tmp_path / "store"), InlineRunner(), "r1", said.append)


def lines(path: Path, *texts: str) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def recipe(*paths: str, **levels: Any) -> Recipe:
    source = {"kind": "jsonl", "paths": list(paths)}
    return Recipe.model_validate({"dataset": "toy", "l0_collect": {"source": source}, **levels})


def events(run: Run) -> list[dict]:
    return [json.loads(line) for line in run.store.read("runs/r1/events.jsonl").decode().splitlines()]


def test_a_person_reads_shards_and_rows(run: Run, said: list[str]):
    run.emit("level_started", {"level": "l1_filter", "shards": 3, "directory": "x"})
    run.emit(
        "shard_done", {"level": "l1_filter", "done": 3, "of": 3, "rows_in": 1234, "rows_out": 1000, "quarantined": 2}
    )
    run.emit("note", {"text": "pairs: 5"})
    run.emit("grouped", {"level": "l1_filter", "step": "near_duplicates"})
    assert said == [
        "l1_filter: 3 shards",
        "l1_filter: 3/3 shards, 1,234 rows in, 1,000 out, 2 quarantined",
        "pairs: 5",
    ]  # what no person waits for is only written down
    assert [json.loads(event)["event"] for event in run.events] == ["level_started", "shard_done", "note", "grouped"]
    assert all(json.loads(event)["time"] > 0 for event in run.events)


def test_a_run_ends_in_a_release_a_report_and_its_events(run: Run, said: list[str], tmp_path: Path):
    path = lines(tmp_path / "a.jsonl", "the same text", "the same text", "another text")
    result = run_recipe(recipe(path, l1_filter={"steps": STEPS}), run)
    assert [level.manifest.level for level in result.levels] == ["l0_collect", "l1_filter"]
    assert [level.manifest.rows_out for level in result.levels] == [3, 2]
    assert (result.quarantined, result.certificate) == (0, "")
    found = result.as_json(run.store)
    assert found == json.loads(run.store.read("runs/r1/report.json"))
    assert (found["dataset"], found["version"], found["content_id"]) == (
        "toy",
        result.release.version,
        result.release.content_id,
    )
    assert Path(found["report"]) == tmp_path / "store" / "runs" / "r1" / "report.html"
    assert (Path(found["release"]) / "manifest.json").is_file()
    assert [level["dropped"] for level in found["levels"]] == [{}, {"exact_duplicates.repeat": 1}]
    assert "certificate" not in found  # there is no L4 here
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "toy: run r1" in page
    assert result.release.content_id in page
    assert [event["level"] for event in events(run) if event["event"] == "level_started"] == ["l0_collect", "l1_filter"]
    assert any("exact_duplicates" in line for line in said)  # the funnel closes it


def test_what_is_there_is_said_to_be_there(run: Run, said: list[str], tmp_path: Path):
    wanted = recipe(lines(tmp_path / "a.jsonl", "one", "two"))
    first = run_recipe(wanted, run)
    said.clear()
    again = run_recipe(wanted, run)
    assert said[0] == "l0_collect: nothing to do, 2 rows are there"
    assert [level.reused for level in (*first.levels, *again.levels)] == [False, True]
    assert again.release == first.release


def test_quarantined_rows_of_all_levels_count(run: Run, tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good"}\nnot JSON\n{"text": "fine"}\n')
    assert run_recipe(recipe(str(path), l1_filter={"steps": STEPS}), run).quarantined == 1


def test_events_of_a_level_that_fails_are_written_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(level: Any, store: Any, runner: Any, emit: Any, *_: Any) -> None:
        emit("level_started", {"level": level.name, "shards": 1})
        raise OSError("disk is full")

    monkeypatch.setattr(module, "run_level", fails)
    with pytest.raises(OSError, match="disk is full"):
        run_recipe(recipe(lines(tmp_path / "a.jsonl", "one")), run)
    started, failed = events(run)
    assert started["event"] == "level_started"
    assert (failed["event"], failed["level"], failed["note"]) == ("failed", "l0_collect", "disk is full")


def test_of_a_publication_that_fails_no_report_is_left_but_why(run: Run, tmp_path: Path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(module, "publish", full)
    run.listeners.append(Live(run.store, "r1"))
    with pytest.raises(OSError, match="disk is full"):
        run_recipe(recipe(lines(tmp_path / "a.jsonl", "one")), run)
    last = events(run)[-1]
    assert (last["event"], last["level"], last["note"]) == ("failed", "release", "disk is full")
    progress = json.loads(run.store.read("runs/r1/progress.json"))
    assert (progress["ended"], progress["note"]) == ("failed", "disk is full")
    assert sorted(run.store.list("runs")) == ["runs/r1/events.jsonl", "runs/r1/progress.json"]


def test_a_data_set_of_the_longest_name_is_published(run: Run, tmp_path: Path):
    longest = recipe(lines(tmp_path / "a.jsonl", "one")).model_copy(update={"dataset": "t" * 200})
    assert run_recipe(longest, run).release.rows == 1


def test_ray_that_is_not_installed_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.steps.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"orefine\[ray\]"):
        open_run(str(tmp_path), "ray", None, None, [])


def test_a_run_talks_on_standard_error_unless_it_is_to_be_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for quiet in (True, False):
        run = open_run(str(tmp_path / "store"), "inline", None, None, [], quiet=quiet)
        run.say("a line")
        written = capsys.readouterr()
        assert (written.out, written.err) == ("", "" if quiet else "a line\n")
    assert run.store.root == str(tmp_path / "store")


def test_no_two_runs_share_a_name(tmp_path: Path):
    names = {open_run(str(tmp_path), "inline", None, None, []).run_id for _ in range(20)}
    assert len(names) == 20
    assert sorted(names)[0][8] == "T"  # they begin with the time, so that a list of them is in order


def test_a_version_supersedes_what_failed_of_its_data_set(run: Run, tmp_path: Path):
    for key in ("l0_collect/toy-0123", "l0_collect/news-0123"):
        Artifact(run.store, key, f"{key}/manifest.json").fail(OSError("killed"))
    result = run_recipe(recipe(lines(tmp_path / "a.jsonl", "one two", "three four")), run)
    assert isinstance(result, Result)
    by = {key: state.superseded for key, state in unfinished(run.store).items()}
    assert by == {"l0_collect/toy-0123": f"toy@{result.release.version}", "l0_collect/news-0123": ""}
