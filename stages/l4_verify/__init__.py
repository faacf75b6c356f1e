"""L4 verify: certified documents."""

from typing import Annotated

from pydantic import Field

from stages.l4_verify.contamination import Contamination
from stages.l4_verify.faithfulness import Faithfulness
from stages.l4_verify.format import Format
from stages.l4_verify.human_review import HumanReview

Step = Annotated[Format | Faithfulness | Contamination | HumanReview, Field(discriminator="kind")]
"""Every step that an L4 recipe may name."""
