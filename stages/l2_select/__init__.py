"""L2 select: high-quality documents."""

from typing import Annotated

from pydantic import Field

from stages.l2_select.fasttext_quality import FasttextQuality
from stages.l2_select.threshold import Threshold

Step = Annotated[FasttextQuality | Threshold, Field(discriminator="kind")]
"""Every step that an L2 recipe may name."""
