"""Spans of a run, as OpenTelemetry's own exporter holds them, and where the environment sends them."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flows.runs.recipe import load_recipe
from flows.runs.run import open_run, run_recipe
from flows.runs.traces import NoTraces, Traces, from_environment
from tests.flows.helpers import rows, write_parquet

export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
RECIPE = str(Path(__file__).parents[1] / "l1.yaml")


@pytest.fixture
def kept():
    return memory.InMemorySpanExporter()


@pytest.fixture
def traces(kept) -> Traces:
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    return Traces(provider, "r1", "/store")


def test_a_run_its_levels_and_its_shards_are_spans_one_in_the_other(tmp_path: Path, kept, traces: Traces):
    inputs = [str(write_parquet(tmp_path / f"{part}.parquet", rows(20, first=20 * part))) for part in range(2)]
    run = open_run(str(tmp_path / "store"), "inline", None, None, inputs, quiet=True)
    run.listeners.append(traces)
    done = run_recipe(load_recipe(RECIPE, inputs), run)
    spans = kept.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans}
    (top,) = (span for span in spans if span.parent is None)
    assert top.name == f"run {done.release.dataset}"
    assert top.attributes["orefine.version"] == done.release.version
    assert top.status.is_ok
    levels = {span.name: span for span in spans if span.parent and by_id[span.parent.span_id] is top}
    assert list(levels) == [level.manifest.level for level in done.levels]
    assert levels["l0_collect"].attributes["orefine.rows_in"] == 40
    shards = [span for span in spans if span.name == "l0_collect shard"]
    assert sorted(span.attributes["orefine.shard"] for span in shards) == [0, 1]
    assert {by_id[span.parent.span_id].name for span in shards} == {"l0_collect"}
    for span in shards:
        level = levels["l0_collect"]
        assert level.start_time <= span.start_time <= span.end_time <= level.end_time <= top.end_time
    assert "grouped by exact_duplicates" in [event.name for event in levels["l1_filter"].events]


def test_a_level_that_was_found_is_a_span_too_and_a_failure_is_one_of_its_status(kept, traces: Traces):
    traces("level_done", {"level": "l0_collect", "rows_in": 3, "reused": True})
    traces("level_started", {"level": "l1_filter", "shards": 2})
    traces("failed", {"level": "l1_filter", "note": "the disk is full"})
    found, failed, run = kept.get_finished_spans()
    assert found.attributes == {"orefine.rows_in": 3, "orefine.reused": True}
    assert (failed.status.description, failed.status.is_ok) == ("the disk is full", False)
    assert (run.status.description, run.status.is_ok) == ("the disk is full", False)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"},
    ],
)
def test_it_is_off_unless_the_environment_turns_it_on(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert from_environment("r1", "/store") is None


def test_spans_go_where_the_environment_says(monkeypatch: pytest.MonkeyPatch):
    taken: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "refinery")
        traces = from_environment("r1", "/store")
        assert traces is not None
        traces("waiting", {"note": "a lot is to be judged"})
        server.shutdown()
    ((path, body),) = taken
    assert path == "/v1/traces"
    assert b"refinery" in body
    assert b"orefine.run_id" in body


def test_an_exporter_that_is_not_there_is_named_with_those_that_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    with pytest.raises(NoTraces, match="names 'pigeon', and no package here brings pigeon; install it, or give one of"):
        from_environment("r1", "/store")
