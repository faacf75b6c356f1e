"""L3 synthesize: documents that did not exist."""

from typing import Annotated

from pydantic import Field

from stages.l3_synthesize.mix import Mix
from stages.l3_synthesize.rewrite import Rewrite
from stages.l3_synthesize.tasks import Tasks

Step = Annotated[Rewrite | Tasks | Mix, Field(discriminator="kind")]
"""Every step that an L3 recipe may name."""
