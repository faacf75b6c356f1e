"""L4 verify: certified documents."""

from typing import Annotated

from pydantic import Field

from stages.l4_verify.code_execution import CodeExecution
from stages.l4_verify.contamination import Contamination
from stages.l4_verify.entailment import Entailment
from stages.l4_verify.faithfulness import Faithfulness
from stages.l4_verify.format import Format
from stages.l4_verify.human_review import HumanReview
from stages.l4_verify.lean import Lean
from stages.l4_verify.math_answer import MathAnswer
from stages.l4_verify.paraphrased_items import ParaphrasedItems
from stages.l4_verify.policy import Policy
from stages.l4_verify.read_task import ReadTask
from stages.l4_verify.smt import Smt
from stages.l4_verify.task_answer import TaskAnswer

Step = Annotated[
    ReadTask
    | Format
    | Faithfulness
    | Entailment
    | Contamination
    | ParaphrasedItems
    | MathAnswer
    | TaskAnswer
    | CodeExecution
    | Smt
    | Lean
    | HumanReview
    | Policy,
    Field(discriminator="kind"),
]
"""Every step that an L4 recipe may name."""
