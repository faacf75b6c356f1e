"""Metrics of a run for Prometheus, on when OREFINE_METRICS says where: a file for node_exporter's textfile collector
(`/var/lib/node_exporter/orefine.prom`), or a port on which they are served while the run goes on (`:9464`).

| metric                                   | labels          |                                                       |
|------------------------------------------|-----------------|-------------------------------------------------------|
| orefine_shards, orefine_shards_done      | level           | of the level or pass at work                          |
| orefine_rows                             | level, outcome  | in, kept, quarantined; dropped once the level is done |
| orefine_dropped_rows                     | level, reason   | once the level is done                                |
| orefine_bytes_read                       | level           |                                                       |
| orefine_level_seconds                    | level           | of a level that is done                               |
| orefine_published_timestamp_seconds      | dataset         | of the last version of this run                       |
| orefine_last_event_timestamp_seconds     |                 | a run that is silent for long wants a look            |
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.steps.extras import require

VARIABLE = "OREFINE_METRICS"
EVERY = 5.0
"""Seconds between two writings of the file."""


class NoMetrics(UsageError):
    """They cannot go where OREFINE_METRICS says."""


def from_environment() -> Metrics | None:
    place = os.environ.get(VARIABLE, "")
    if not place:
        return None
    require(["metrics"])
    return Metrics(place)


class Metrics:
    """Listens to a run."""

    def __init__(self, place: str) -> None:
        from prometheus_client import CollectorRegistry, Gauge, start_http_server

        self._place, self._wrote = place, 0.0
        self.registry = registry = CollectorRegistry()

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"orefine_{name}", what, labels, registry=registry)

        self._shards = gauge("shards", "Shards of the level", "level")
        self._done = gauge("shards_done", "Shards of the level that are done", "level")
        self._rows = gauge("rows", "Rows of the level", "level", "outcome")
        self._dropped = gauge("dropped_rows", "Rows that the level dropped", "level", "reason")
        self._bytes = gauge("bytes_read", "Bytes that the level has read", "level")
        self._seconds = gauge("level_seconds", "Seconds that the level took", "level")
        self._published = gauge("published_timestamp_seconds", "When this run published a version", "dataset")
        self._last = gauge("last_event_timestamp_seconds", "When the run last said something")
        if place.startswith(":"):
            try:
                start_http_server(int(place[1:]), "127.0.0.1", registry)
            except (OSError, ValueError) as error:
                raise NoMetrics(f"{VARIABLE} is '{place}', and that port cannot be served: {error}") from None

    def __call__(self, event: str, fields: Mapping[str, Any]) -> None:
        self._last.set_to_current_time()
        level = str(fields.get("level", ""))
        if event == "level_started":
            self._shards.labels(level).set(fields["shards"])
        elif event == "shard_done":
            self._shards.labels(level).set(fields["of"])
            self._done.labels(level).set(fields["done"])
            self._bytes.labels(level).set(fields.get("bytes_in", 0))
            self._count(level, fields)
        elif event == "level_done":
            self._count(level, fields)
            self._seconds.labels(level).set(fields["seconds"])
            self._rows.labels(level, "dropped").set(sum(fields["dropped"].values()))
            for reason, count in fields["dropped"].items():
                self._dropped.labels(level, reason).set(count)
        elif event == "published":
            self._published.labels(fields["dataset"]).set_to_current_time()
        if not self._place.startswith(":") and (event != "shard_done" or time.monotonic() - self._wrote >= EVERY):
            self._write()

    def _count(self, level: str, fields: Mapping[str, Any]) -> None:
        for outcome, name in (("in", "rows_in"), ("kept", "rows_out"), ("quarantined", "quarantined")):
            self._rows.labels(level, outcome).set(fields[name])

    def _write(self) -> None:
        from prometheus_client import write_to_textfile

        self._wrote = time.monotonic()
        with contextlib.suppress(OSError):  # metrics end no run
            write_to_textfile(self._place, self.registry)
