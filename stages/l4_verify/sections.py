"""What the report shows of L4's steps beside their counts: kind → its sections (see `pipeline.report`)."""

from __future__ import annotations

from pipeline.report.section import Contribute

SECTIONS: dict[str, Contribute] = {}
