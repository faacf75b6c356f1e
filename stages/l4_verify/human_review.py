"""People look at a sample of the rows, and the lot stays or goes by what they find.

The level waits as long as they have not: the run ends with a line that says so, and the same command goes on when the
lot is decided (`orefine review`). The rows of a lot are those that came to this step, so that what people find among
them is what the checkers before it have passed wrongly.
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pipeline.rows.batch import Batch
from pipeline.steps import VERDICTS, GroupingStep, Reason
from stages.l4_verify.people import lots
from stages.l4_verify.people.plans import PlanSettings, design

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping

GATHERED = 64 << 20
"""Bytes of text that one draw looks at: fewer draws carry fewer candidates."""
SURE = 0.025
"""Of one side, as in a 95 % interval."""


class Gates(BaseModel):
    """What people's verdicts must be worth. None switches a gate off.

    gold: share of the hidden defects that reviewers find; broken where reviewers that find so many would find as few as
    these in less than one case in 40 (exact binomial), since a few records prove little. agreement: Gwet's AC1 over the
    records that two have judged, from `agreement_items` of them on (with 98 % passes kappa and alpha fall to 0 for one
    disagreement).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold: float | None = Field(0.9, gt=0, le=1)
    agreement: float | None = Field(0.667, gt=0, le=1)
    agreement_items: int = Field(10, ge=1)

    def broken(self, statistics: dict[str, Any]) -> Reason | None:
        """The first gate that a decision's statistics do not pass, with what was measured."""
        gold, agreed = statistics["gold"], statistics["agreement"]
        if self.gold is not None and _at_most(gold["caught"], gold["planted"], self.gold) < SURE:
            return Reason("reviewers_missed_gold", gold["caught"] / gold["planted"], self.gold)
        value = agreed["gwet_ac1"]
        enough = agreed["items"] >= self.agreement_items and value is not None
        if self.agreement is not None and enough and value < self.agreement:
            return Reason("reviewers_disagree", value, self.agreement)
        return None


class HumanReview(GroupingStep):
    """Pass the rows of a lot whose sample people accept; wait for them until they have.

    plan: kind, aql, ltpd and risks, fixed and registered before anything is drawn. A rejected lot leaves as a whole
    (`lot_rejected`), or each row is looked at (`on_reject: inspect_all`). A row that people failed leaves in any case.
    gates: how good the reviewers must have been for their word to count. Where they were surely worse no row stays
    (`reviewers_missed_gold`, `reviewers_disagree`), or with `inspect_all` each row is looked at anew.
    strata: columns; each of their combinations gets at least `per_stratum` rows, for the estimate. gold_share: hidden
    records with a known verdict, per record of the sample. double_share: records that two people judge.
    """

    kind: Literal["human_review"] = "human_review"
    plan: PlanSettings = PlanSettings()
    seed: int = 0
    strata: tuple[str, ...] = ()
    per_stratum: int = Field(5, ge=0)
    gold_share: float = Field(0.1, ge=0, le=1)
    double_share: float = Field(0.2, ge=0, le=1)
    on_reject: Literal["drop", "inspect_all"] = "drop"
    gates: Gates = Gates()

    def columns(self) -> tuple[pa.Field, ...]:
        return (VERDICTS,)

    def check_input(self, schema: pa.Schema) -> None:
        if missing := [name for name in self.strata if name not in schema.names]:
            raise ValueError(f"strata: no column {', '.join(missing)} here; there are {', '.join(schema.names)}")

    def group(self, grouping: Grouping) -> None:
        found = grouping.map("census", partial(lots.census, strata=self.strata), gather_bytes=GATHERED)
        lot, counts = lots.describe(grouping.read(found)) if grouping.rows else ("", {})
        if not counts:  # nothing to ask people about
            grouping.decide(grouping.map("decisions", partial(_decisions, outcome={})))
            return
        outcome = self._asked(grouping, lot, counts, self.plan)
        broken = self.gates.broken(outcome["statistics"])
        if (broken or outcome["outcome"] == "rejected") and self.on_reject == "inspect_all":
            everything = self.plan.model_copy(update={"kind": "all"})
            seen = {} if broken else outcome["rows"]  # by people whose word does not count
            outcome = self._asked(grouping, f"{lot}-all", counts, everything, tuple(seen))
            broken = self.gates.broken(outcome["statistics"])
            outcome |= {"rows": seen | outcome["rows"]}
        grouping.decide(grouping.map("decisions", partial(_decisions, outcome=outcome, broken=broken)))

    def _asked(
        self, grouping: Grouping, lot: str, counts: dict[str, int], plan: PlanSettings, known: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What people decided of the lot; `known`: rows that they have judged already."""
        looks = design(plan, sum(counts.values()) - len(known))
        registration = lots.register(
            lot, counts, plan, looks, self.seed,
            dataset=grouping.dataset, strata_columns=list(self.strata),
            per_stratum=self.per_stratum if len(counts) > 1 else 0,
            gold_share=self.gold_share, double_share=self.double_share, known=len(known),
        )  # fmt: skip
        grouping.register(lot, lots.dump(registration))
        uniform = looks[-1].rows
        spare = round(uniform * self.gold_share) + len(known)
        drawing = partial(
            lots.candidates, registration=registration, uniform=uniform + spare, per_stratum=self.per_stratum
        )
        found = grouping.read(grouping.map(f"drawn-{lot}", drawing, gather_bytes=GATHERED))
        records = lots.draw(found, registration, uniform, registration["per_stratum"], frozenset(known))
        lines = "".join(json.dumps(one, ensure_ascii=False, sort_keys=True) + "\n" for one in records)
        outcome: dict[str, Any] = json.loads(grouping.ask_people(lot, lines.encode()))
        if outcome.get("registration") != registration["registration"]:
            raise ValueError(
                f"lot {lot}: the decision is of registration {outcome.get('registration')}, and this lot's is "
                f"{registration['registration']}; remove reviews/{lot}/decision.json and decide the lot again"
            )
        return outcome


def _decisions(batch: Batch, side: pa.Table | None, outcome: dict[str, Any], broken: Reason | None = None) -> pa.Table:
    """For every row whether it stays, by which rule it leaves, and its entry among the verdicts.

    broken: the gate that the reviewers did not pass; every row then leaves by it.
    """
    rules: list[str | None] = []
    entries = []
    before = batch.column("verdicts").to_pylist() if "verdicts" in batch.rows.schema.names else [None] * len(batch)
    accepted = outcome.get("outcome") == "accepted"
    for document, known in zip(batch.column("id").to_pylist(), before, strict=True):
        judged = outcome["rows"].get(document)
        rule = str(broken) if broken else _rule(judged, accepted, bool(outcome.get("each")))
        verdict = "pass" if rule is None else "abstain" if rule.startswith("abstained_") else "fail"
        evidence = {"lot": outcome["lot"], "registration": outcome["registration"], "looked_at": judged is not None}
        entry = {
            "checker": "human_review", "means": "human", "verdict": verdict, "defect": rule or "", "evidence": evidence
        }  # fmt: skip
        entries.append(json.dumps([*json.loads(known or "[]"), entry], ensure_ascii=False))
        rules.append(rule)
    count = len(batch)
    return pa.table(
        {
            "row": pa.array(range(count), pa.int32()),
            "rule": pa.array(rules, pa.string()),
            "value": pa.array([float(outcome["defects"]) if broken is None else broken.value] * count, pa.float64()),
            "threshold": pa.array(
                [float(outcome["accept"]) if broken is None else broken.threshold] * count, pa.float64()
            ),
            "verdicts": pa.array(entries, pa.string()),
        }
    )


def _rule(judged: dict[str, Any] | None, accepted: bool, each: bool) -> str | None:
    """The rule by which a row leaves; `each`: every row was looked at, and the lot says nothing."""
    if judged is not None and judged["verdict"] == "fail":
        return f"defect_{judged['defects'][0]}" if judged["defects"] else "defect"
    if judged is not None and judged["verdict"] == "unsure":
        return "abstained_unsure"
    if each:
        return None if judged is not None else "abstained_not_looked_at"
    return None if accepted else "lot_rejected"


def _at_most(hits: int, of: int, rate: float) -> float:
    """Probability of at most so many hits: of a binomial."""
    return sum(math.comb(of, one) * rate**one * (1 - rate) ** (of - one) for one in range(hits + 1))
