"""What L4 refused of each prompt, and which prompts are over a limit."""

from typing import Any, Literal

from pipeline.books.accounting import WRITTEN_BY, Groups, Passage
from pipeline.publish.defects import defects, over_limit
from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts


class Clock(Checker):
    """Abstains where it runs out of time."""

    kind: Literal["clock"] = "clock"
    infrastructure = frozenset({"timed_out"})
    limit: float | None = None

    def check(self, batch: Batch) -> Verdicts:
        return Verdicts()

    def defect_limit(self) -> float | None:
        return self.limit


def groups(**dropped: int) -> Groups:
    return {WRITTEN_BY: {"faq@3 by m": {"01 clock": Passage(rows_in=40, dropped=dropped)}}}


def test_each_reason_is_a_share_of_the_prompts_rows():
    found = defects(groups(wrong_number=4, abstained_timed_out=6), [Clock()])["faq@3 by m"]
    assert found["refused"]["clock.wrong_number"] == {"rows": 4, "share": 0.1}
    assert (found["rows"], found["defective"]) == (40, 4)  # the clock's fault is not the prompt's
    assert found["interval"] == [0.0396, 0.2305]
    assert "over_limit" not in found


def test_a_prompt_is_over_its_limit_where_the_interval_is():
    def named(wrong: int, limit: float) -> list[str]:
        certificate: dict[str, Any] = {"defects": defects(groups(wrong_number=wrong), [Clock(limit=limit)])}
        return over_limit(certificate)

    assert named(4, 0.039) == ["faq@3 by m"]
    assert named(4, 0.04) == []
    assert named(0, 0.0) == []
