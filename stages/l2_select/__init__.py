"""L2 select: high-quality documents."""

from typing import Annotated

from pydantic import Field

from stages.l2_select.choose.threshold import Threshold
from stages.l2_select.choose.top_fraction import TopFraction
from stages.l2_select.choose.upsample import Upsample
from stages.l2_select.score.ensemble import Ensemble
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.score.from_meta import FromMeta

Step = Annotated[
    FasttextQuality | FromMeta | Ensemble | Threshold | TopFraction | Upsample, Field(discriminator="kind")
]
"""Every step that an L2 recipe may name."""
