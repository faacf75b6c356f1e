"""L3 synthesize: documents that did not exist."""
from typing import Literal
from pipeline.step import Step as _Base
class _T(_Base):
    kind: Literal["x"]="x"
Step = _T
