"""What a row must have passed to be certified: the last word of L4, per kind of row.

The checkers before it say what they found; this step says whether that is enough. A row's kind is its task's verifier
(`math_answer`, `unit_tests`, `reasoning_gym`, `file`), else its form's kind (`prose`, `pairs`, …), else `document`.

| rule                       | the row                                                                               |
|----------------------------|---------------------------------------------------------------------------------------|
| not_certified_kind         | is of a kind that `needs` does not name: nobody has said what would certify it        |
| not_certified_<checker>    | lacks a pass of this checker: it failed, abstained, skipped the row or did not run    |
| not_certified_statistical  | has only passes by statistical means, which never certify alone                       |

Checkers before it that are to leave the decision to it are told `on_abstain: keep`.

It also sets the limit over which a prompt is named for pausing: the share of its rows that L4 refused for what is in
them, by the lower end of Wilson's interval, so that a few rows pause nothing. The names stand in the certificate and in
the report; with `pause: next_run` the next run of the data set leaves these prompts out (`flows/runs/paused.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from pipeline.steps.checker import form_of
from stages.l4_verify.tasks import task_of

Need = str | Annotated[tuple[str, ...], Field(min_length=2)]
DOCUMENT = "document"
"""The kind of a row with neither form nor task, such as one that comes from L2 as it is."""


class Policy(Checker):
    """Pass rows that have every pass that `needs` asks of their kind; put it last.

    needs: kind of row → checkers in the order in which they run; a list in the place of a name asks for any one of
    them. Where two checkers of one kind have judged a row, none may have failed it. pause_over: refused share of a
    prompt's rows over which it is named; pause: whether the next run leaves it out (`next_run`) or the report only
    names it.
    """

    kind: Literal["policy"] = "policy"
    needs: Annotated[dict[str, Annotated[tuple[Need, ...], Field(min_length=1)]], Field(min_length=1)]
    pause_over: float | None = Field(None, ge=0, lt=1)
    pause: Literal["report", "next_run"] = "report"

    @model_validator(mode="after")
    def _says_something(self) -> Policy:
        for kind, needs in self.needs.items():
            if len(set(names := names_in(needs))) < len(names):
                raise ValueError(f"needs.{kind}: {', '.join(names)} names a checker twice; name each once")
        if self.pause == "next_run" and self.pause_over is None:
            raise ValueError("pause: next_run needs a limit; set pause_over, for example 0.3")
        if self.forms:
            raise ValueError("forms: a policy is for all rows; name kinds under `needs`")
        return self

    def check_input(self, schema: pa.Schema) -> None:
        if "verdicts" not in schema.names:
            raise ValueError("policy reads the column 'verdicts', which is not here; put the checkers before it")

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts()
        for kind, entries in zip(kinds_of(batch.rows), batch.column("verdicts").to_pylist(), strict=True):
            defect, passed = self._judge(kind, json.loads(entries or "[]"))
            verdicts.add("fail" if defect else "pass", defect, {"kind": kind, "passed": passed})
        return verdicts

    def defect_limit(self) -> float | None:
        return self.pause_over

    def _judge(self, kind: str, entries: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
        """The rule by which the row leaves (empty: none), and the checkers of `needs` that have passed it."""
        needs = self.needs.get(kind)
        if needs is None:
            return "not_certified_kind", []
        means: dict[str, str] = {}
        for need in needs:
            names = (need,) if isinstance(need, str) else need
            having = next((name for name in names if _has_passed(name, entries)), None)
            if having is None:
                return f"not_certified_{'_or_'.join(names)}", sorted(means)
            means[having] = next(one["means"] for one in entries if one["checker"] == having)
        if set(means.values()) == {"statistical"}:
            return "not_certified_statistical", sorted(means)
        return "", sorted(means)


def kinds_of(rows: pa.RecordBatch) -> list[str]:
    """The kind of each row, by which a policy's needs are looked up."""
    nothing = [None] * rows.num_rows
    tasks = rows.column("task").to_pylist() if "task" in rows.schema.names else nothing
    forms = rows.column("form").to_pylist() if "form" in rows.schema.names else nothing
    return [
        str(task_of(task).get("verifier", "")).partition(":")[0] or form_of(form) or DOCUMENT
        for task, form in zip(tasks, forms, strict=True)
    ]


def _has_passed(checker: str, entries: Sequence[Mapping[str, Any]]) -> bool:
    given = {entry["verdict"] for entry in entries if entry["checker"] == checker} - {"skip"}
    return given == {"pass"}


def names_in(needs: Sequence[Need]) -> list[str]:
    """The checkers that needs name."""
    return [name for need in needs for name in ((need,) if isinstance(need, str) else need)]
