"""The sections that levels give to a report, by kind of step (see `pipeline.report`)."""

from __future__ import annotations

from pipeline.report.section import Sections


def all_sections() -> Sections:
    from stages.l0_collect import sections as collect
    from stages.l1_filter import sections as filtering
    from stages.l3_synthesize import sections as synthesize
    from stages.l4_verify import sections as verify

    return {**collect.SECTIONS, **filtering.SECTIONS, **synthesize.SECTIONS, **verify.SECTIONS}
