"""L3 synthesize: documents that did not exist."""

from stages.l3_synthesize.rewrite import Rewrite

Step = Rewrite
"""Every step that an L3 recipe may name."""
