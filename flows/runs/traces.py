"""OpenTelemetry: a span for a run, for each of its levels, and for each shard, on where the standard `OTEL_*` variables
say where spans go.

    run DATASET         run id, store; version, content id and rows of what was published
      l1_filter         rows by fate, recipe id, whether it was found
        l1_filter shard its number, rows in and out, quarantined

A shard's span ends when the driver hears of it, and is as long as the shard took; it begins no earlier than its pass.
What a level does between shards (shuffles) is an event of the level's span. A backend that does not answer ends no run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.steps.extras import require

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

TURNED_ON_BY = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LEVEL = ("rows_in", "rows_made", "rows_out", "quarantined", "recipe_id", "content_id", "reused", "seconds")
VERSION = ("dataset", "version", "content_id", "rows")
FLUSH_MS = 5_000
"""For the last spans of a run to go out."""


class NoTraces(UsageError):
    """Spans cannot go where OTEL_TRACES_EXPORTER says."""


def from_environment(run_id: str, store: str) -> Traces | None:
    """What listens to the run; None unless a variable of OpenTelemetry says where spans go."""
    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or names == ["none"]
    if is_off or not any(os.environ.get(name) for name in TURNED_ON_BY):
        return None
    require(["traces"])
    return Traces(_provider(names), run_id, store)


def _provider(names: list[str]) -> TracerProvider:
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({SERVICE_NAME: "orefine"}).merge(OTELResourceDetector().detect())  # OTEL_SERVICE_NAME comes later
    provider = TracerProvider(resource=named)
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    known = {point.name: point for point in entry_points(group="opentelemetry_traces_exporter")}
    for name in names:
        wanted = otlp if name == "otlp" else name
        if wanted not in known:
            raise NoTraces(
                f"OTEL_TRACES_EXPORTER names '{name}', and no package here brings {wanted}; "
                f"install it, or give one of: {', '.join(sorted(known))}, none"
            )
        provider.add_span_processor(BatchSpanProcessor(known[wanted].load()()))
    return provider


class Traces:
    """Listens to a run."""

    def __init__(self, provider: TracerProvider, run_id: str, store: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("orefine")
        self._run = self._tracer.start_span("run", attributes=_named({"run_id": run_id, "store": store}))
        self._level: Span | None = None
        self._pass, self._began, self._heard = "", 0, 0
        """The pass that shards are heard of, when it began, and when anything was heard last (ns)."""

    def __call__(self, event: str, fields: Mapping[str, Any]) -> None:
        now = time.time_ns()
        if event == "level_started":
            self._level = self._start(fields["level"], self._run, {"shards": fields["shards"]})
        elif event == "shard_done":
            self._shard(fields, now)
        elif event == "grouped" and self._level is not None:
            self._level.add_event(f"grouped by {fields['step']}")
        elif event == "level_done":
            level = self._level or self._start(fields["level"], self._run, {})  # found, not made
            level.set_attributes(_named({name: fields[name] for name in LEVEL if name in fields}))
            level.end()
            self._level = None
        elif event in ("published", "failed", "waiting"):
            self._end(event, fields)
        self._heard = now

    def _start(self, name: str, parent: Span, fields: Mapping[str, Any], start: int | None = None) -> Span:
        from opentelemetry.trace import set_span_in_context

        return self._tracer.start_span(name, set_span_in_context(parent), attributes=_named(fields), start_time=start)

    def _shard(self, fields: Mapping[str, Any], now: int) -> None:
        if self._pass != fields["level"]:
            self._pass, self._began = fields["level"], self._heard
        start = max(self._began, now - int(fields["shard"]["seconds"] * 1e9))
        self._start(f"{self._pass} shard", self._level or self._run, fields["shard"], start).end(now)

    def _end(self, event: str, fields: Mapping[str, Any]) -> None:
        from opentelemetry.trace import Status, StatusCode

        status = Status(StatusCode.ERROR, str(fields["note"])) if event == "failed" else Status(StatusCode.OK)
        if event == "published":
            self._run.update_name(f"run {fields['dataset']}")
            self._run.set_attributes(_named({name: fields[name] for name in VERSION}))
        for span in (self._level, self._run):
            if span is not None:
                span.add_event(event)
                span.set_status(status)
                span.end()
        self._provider.force_flush(FLUSH_MS)


def _named(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f"orefine.{name}": value for name, value in fields.items()}
