"""What a run tells OpenLineage, read back by OpenLineage's own classes."""

import json
from pathlib import Path

import pytest

from tests.flows.helpers import orefine, rows, write_parquet

RECIPE = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: [x]}}
l1_filter: {steps: [{kind: exact_duplicates}]}
"""


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0, text: str = RECIPE) -> list[dict]:
    pytest.importorskip("openlineage.client")
    (folder / "r.yaml").write_text(text)
    source = write_parquet(folder / "a.parquet", [*rows(5), *rows(1)])
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(folder / "lineage.jsonl"))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    orefine("run", folder / "r.yaml", "--input", source, "--store", folder / "store", code=code)
    return [json.loads(line) for line in (folder / "lineage.jsonl").read_text().splitlines()]


def test_each_level_begins_and_ends_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    events = told(tmp_path, monkeypatch)
    assert [(one["eventType"], one["job"]["name"]) for one in events] == [
        ("START", "toy.l0_collect"), ("COMPLETE", "toy.l0_collect"),
        ("START", "toy.l1_filter"), ("COMPLETE", "toy.l1_filter"),
    ]  # fmt: skip
    assert events[0]["inputs"] == [
        {"namespace": "file", "name": str(tmp_path / "a.parquet"), "facets": {}, "inputFacets": {}}
    ]
    (read,), (made,) = events[3]["inputs"], events[3]["outputs"]
    assert read["name"] == events[1]["outputs"][0]["name"], "a level reads what the one before it has made"
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 6
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert events[2]["run"]["runId"] == events[3]["run"]["runId"] != events[0]["run"]["runId"]
    assert len({one["run"]["facets"]["parent"]["run"]["runId"] for one in events}) == 1


def test_the_events_are_such_as_openlineage_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    client = pytest.importorskip("openlineage.client.event_v2")
    for one in told(tmp_path, monkeypatch):
        again = client.RunEvent(
            eventType=client.RunState[one["eventType"]], eventTime=one["eventTime"], producer=one["producer"],
            run=client.Run(runId=one["run"]["runId"]), job=client.Job(one["job"]["namespace"], one["job"]["name"]),
        )  # fmt: skip
        assert again.eventTime == one["eventTime"]  # its validators take run id and time


def test_a_level_that_fails_is_told_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = RECIPE.replace("{kind: exact_duplicates}", "{kind: gopher_quality, min_doc_words: 100000}")
    events = told(tmp_path, monkeypatch, 1, text)
    assert events[-1]["eventType"] == "FAIL"
    assert "too_few_words" in events[-1]["run"]["facets"]["errorMessage"]["message"]


def test_nothing_is_told_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from flows.runs import lineage

    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)
    assert not lineage.is_on()
