"""What a run says while it goes on, how another process sees it, and what Prometheus gets of it."""

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flows.runs.live import FILE, Ends, Live, Progress, watch
from flows.runs.metrics import Metrics, NoMetrics
from pipeline.store.local import LocalStore
from tests.flows.helpers import orefine, rows, write_parquet

SHARD = {"level": "l1_filter", "done": 1, "of": 3, "rows_in": 1200, "rows_out": 800, "quarantined": 1, "bytes_in": 9}
RECIPE = Path(__file__).parents[1] / "l1.yaml"


def said(store: LocalStore, run: str = "r1") -> Progress:
    return Progress.model_validate_json(store.read(f"runs/{run}/progress.json"))


def test_a_run_says_how_far_it_is_and_how_it_ended(tmp_path: Path):
    store, now = LocalStore(tmp_path), [100.0]
    live = Live(store, "r1", lambda: now[0])
    live("level_started", {"level": "l1_filter", "shards": 3})
    assert said(store).line() == "r1  l1_filter: 0/3 shards"
    live("shard_done", SHARD)
    assert said(store).line() == "r1  l1_filter: 0/3 shards", "at most every two seconds"
    now[0] += 3
    live("shard_done", SHARD | {"done": 2})
    assert said(store).line() == "r1  l1_filter: 2/3 shards, 1,200 rows in, 800 out, 1 quarantined"
    live("failed", {"level": "l1_filter", "note": "the disk is full"})
    assert said(store).line() == "r1  failed: the disk is full"
    assert said(store).is_over


def test_a_run_whose_process_is_gone_is_told_from_one_that_goes_on(tmp_path: Path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store = LocalStore(tmp_path)
    live = Live(store, "r1")
    live("level_started", {"level": "l1_filter", "shards": 3})
    assert not said(store).is_over
    host = said(store).owner.rpartition(":")[0]
    dead = said(store).model_copy(update={"owner": f"{host}:{gone.pid}"})
    assert dead.is_over
    assert "its process is gone, so run the same command again" in dead.line()


def test_watching_ends_when_nothing_goes_on(tmp_path: Path):
    store = LocalStore(tmp_path)
    assert list(watch(store)) == []
    old, new = Live(store, "old"), Live(store, "new")
    old("failed", {"note": "long ago"})
    new("level_started", {"level": "l0_collect", "shards": 1})
    turns = iter([lambda: new("shard_done", SHARD | {"done": 3}), lambda: new("published", {"note": "toy 1"})])
    lines = [one.line() for one in watch(store, lambda _: next(turns)())]
    assert [line.partition("  ")[2].partition(",")[0] for line in lines] == [
        "l0_collect: 0/1 shards", "l1_filter: 3/3 shards", "published: toy 1",
    ]  # fmt: skip


def test_a_store_that_takes_nothing_ends_no_run(tmp_path: Path):
    class Broken(LocalStore):
        def replace(self, path: str, data: bytes) -> None:
            raise OSError("no")

    Live(Broken(tmp_path), "r1")("level_started", {"level": "l1_filter", "shards": 3})


def test_a_real_run_leaves_its_end_its_events_and_its_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = write_parquet(tmp_path / "a.parquet", rows(30))
    place = tmp_path / "orefine.prom"
    store = tmp_path / "store"
    monkeypatch.setenv("OREFINE_METRICS", str(place))
    orefine("run", RECIPE, "--input", source, "--store", store, "--runner", "inline")
    (folder,) = (store / "runs").iterdir()
    assert said(LocalStore(store), folder.name).ended == "published"
    assert "nothing is running" in orefine("show", "--watch", "--store", store).stdout
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    done = {event["level"]: event for event in events if event["event"] == "level_done"}
    assert [event["event"] for event in events][-1] == "published"
    text = place.read_text()
    assert f'orefine_rows{{level="l1_filter",outcome="in"}} {done["l1_filter"]["rows_in"]:.1f}' in text
    for reason, count in done["l1_filter"]["dropped"].items():
        assert f'orefine_dropped_rows{{level="l1_filter",reason="{reason}"}} {count:.1f}' in text
    assert 'orefine_published_timestamp_seconds{dataset="toy"}' in text


def test_metrics_are_served_where_a_port_is_named(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = Metrics(f":{port}")
    metrics("shard_done", SHARD)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b'orefine_shards_done{level="l1_filter"} 1.0' in answer.read()
    with pytest.raises(NoMetrics, match="that port cannot be served"):
        Metrics(f":{port}")


def test_each_run_that_ends_is_told_once_and_none_that_was_over_before(tmp_path: Path):
    store = LocalStore(tmp_path)
    Live(store, "old")("published", {"note": "toy 1"})
    ends = Ends(store)
    live = Live(store, "new")
    live("level_started", {"level": "l0_collect", "shards": 1})
    assert ends.new() == []
    live("published", {"note": "toy 2, 5 rows"})
    assert [one.line() for one in ends.new()] == ["new  published: toy 2, 5 rows"]
    assert ends.new() == []
    store.replace(f"runs/broken/{FILE}", b"{")
    Live(store, "later")("failed", {"note": "disk is full"})
    assert [one.line() for one in ends.new()] == ["later  failed: disk is full"]
