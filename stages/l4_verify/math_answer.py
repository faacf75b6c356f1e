"""Is a worked solution right? Its stated equations must hold, and its answer must be the known one.

A row's column `task` holds `{"verifier": "math_answer", "question": …, "answer": the known answer}`; the solution is
its `solution`, or the row's text. Its answer stands behind `####`, in `\\boxed{}`, or behind "the answer is".

| verdict                        | when                                                                            |
|--------------------------------|---------------------------------------------------------------------------------|
| pass                           | the answers are equal and no stated equation is false                           |
| fail wrong_step                | an equation between plain numbers is false (`arithmetic.py`, exact fractions)   |
| fail wrong_answer, wrong_unit  | another value, or the same number of something else                             |
| abstain no_task, no_answer     | nothing to compare                                                              |
| abstain not_readable           | the known answer is not understood, so no comparison counts: it is asked first  |
| abstain rounded, unit_missing  | one of both may mean the other; a reader must say                               |
| abstain timed_out              | (infrastructure) no comparison in the time allowed                              |

Plain numbers are compared here as fractions and units by pint. Only what is left (expressions, intervals, sets) goes to
math-verify, which ignores units, takes (1,2) for {1,2}, 12:30 for 12 and .333333 for 1/3 (tried with 0.9.0).
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps.asked_process import AskedProcess, NoAnswer, Raised
from pipeline.steps.checker import Verdict
from stages.l4_verify.arithmetic import NOTE, equations
from stages.l4_verify.tasks import Judged, TaskChecker, task_of

ANSWER = re.compile(
    r"^####[ ]*(?P<marked>[^\n]+)|(?:answer|Antwort|réponse)(?: is| ist| est)?[ ]?[:：=]?[ ]*(?P<said>[^\n]{1,80})"
    r"|答案[是为：:]*[ ]*(?P<zh>[^\n。]{1,80})",
    re.MULTILINE | re.IGNORECASE,
)
AMOUNT = re.compile(
    r"(?P<sign>[-−–+])?[ ]?(?P<money>[$€£¥])?[ ]?"
    r"(?P<number>\d{1,3}(?:,\d{3}){1,9}(?:\.\d{1,40})?|\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})"
    r"(?:[ ]?/[ ]?(?P<below>\d{1,12}))?[ ]?(?P<unit>[%°]?[A-Za-zµ°€$][\w²³/^*· ]{0,40}|%)?[ ]?\.?"
)
AS_WRITTEN = re.compile(r"\d:\d")
CLOSE = Fraction(1, 1000)
MONEY = {"$": "dollar", "€": "euro", "£": "pound sterling", "¥": "yen"}


class MathAnswer(TaskChecker):
    """Pass rows whose solution has no false equation and ends in the known answer. seconds: for one comparison."""

    kind: Literal["math_answer"] = "math_answer"
    seconds: float = Field(10.0, gt=0)
    libraries: ClassVar[tuple[str, ...]] = ("math-verify", "latex2sympy2_extended", "sympy", "pint")
    infrastructure: ClassVar[frozenset[str]] = frozenset({"timed_out"})
    known: ClassVar[Any] = tuple(
        ({"text": text, "task": json.dumps({"verifier": "math_answer", "answer": gold})}, verdict)
        for text, gold, verdict in (
            ("2 + 2 = 4\n#### 4", "4", "pass"),
            ("2 + 2 = 5\n#### 4", "4", "fail"),
            (r"\boxed{\frac{\sqrt{2}}{2}}", r"$\frac{1}{\sqrt{2}}$", "pass"),
            (r"\boxed{\frac{\sqrt{3}}{2}}", r"$\frac{1}{\sqrt{2}}$", "fail"),
            ("#### 10 cm", "10 km", "fail"),
        )
    )

    def extras(self) -> tuple[str, ...]:
        return ("math",)

    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one solution."""
        gold = task.get("answer")
        if task.get("verifier") != "math_answer" or not isinstance(gold, str | int | float):
            return "abstain", "no_task", {}
        solution = str(task.get("solution") or text)
        stated = list(equations(solution))
        wrong = next((one for one in stated if not one.holds), None)
        if wrong is not None:
            return "fail", "wrong_step", {"step": wrong.text, "where": wrong.start, "value": str(wrong.left)}
        answer = answer_of(solution)
        if answer is None:
            return "abstain", "no_answer", {}
        evidence = {"answer": answer, "known": str(gold), "steps": len(stated)}
        verdict, defect = self._compare(str(gold).strip(), answer)
        return verdict, defect, evidence

    def _compare(self, gold: str, answer: str) -> tuple[Verdict, str]:
        gold, answer = _bare(gold), _bare(answer)
        if AS_WRITTEN.search(gold) or AS_WRITTEN.search(answer):  # times and ratios
            return ("pass", "") if _squeezed(gold) == _squeezed(answer) else ("fail", "wrong_answer")
        amounts = AMOUNT.fullmatch(gold), AMOUNT.fullmatch(answer)
        if amounts[0] and amounts[1]:
            return _compare_amounts(amounts[0], amounts[1])
        if _bracket(gold) != _bracket(answer):
            return "fail", "wrong_answer"
        try:
            found = _WORKER.ask({"gold": f"${gold}$", "answer": f"${answer}$", "seconds": self.seconds})
        except Raised:
            return "abstain", "not_readable"
        except NoAnswer:
            return "abstain", "timed_out"
        if found.get("timed_out"):
            return "abstain", "timed_out"
        if not found["gold"] or not found["read"]:
            return "abstain", "not_readable"
        return ("pass", "") if found["equal"] else ("fail", "wrong_answer")

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Rows with another answer, or another result in one equation."""
        found: dict[str, list[dict[str, Any]]] = {"answer_changed": [], "step_changed": []}
        for row in rows.to_pylist():
            task, chance = task_of(row.get("task")), random.Random(f"{seed} {row['id']}")
            solution = str(task.get("solution") or row["text"])
            for kind, changed in (
                ("answer_changed", change_answer(solution, chance)), ("step_changed", change_step(solution, chance)),
            ):  # fmt: skip
                if task.get("verifier") == "math_answer" and changed is not None:
                    altered = json.dumps({**task, "solution": changed}, ensure_ascii=False)
                    found[kind].append({**row, "task": altered})
        return {kind: pa.RecordBatch.from_pylist(changed, rows.schema) for kind, changed in found.items()}


_WORKER = AskedProcess("-m", "stages.l4_verify.math_worker")


def answer_of(solution: str) -> str | None:
    """The stated answer, the last if there are several."""
    boxed = solution.rfind("\\boxed{")
    if boxed >= 0:
        depth, place = 1, boxed + len("\\boxed{")
        for end in range(place, len(solution)):
            depth += {"{": 1, "}": -1}.get(solution[end], 0)
            if not depth:
                return solution[place:end].strip()
    last = None
    for match in ANSWER.finditer(solution):
        last = (match["marked"] or match["said"] or match["zh"] or "").strip() or last
    return last


# The mutants are made from the text alone, without the functions that the check uses.
NUMBER = re.compile(r"(?<![\d.,])\d++(?![\d.,]*\d)")
RESULT = re.compile(r"=\s*[$€£]?(\d++)(?![\d.,]*\d)(?:>>[$€£]?(\1))?")


def change_answer(solution: str, chance: random.Random) -> str | None:
    """Another number behind `####`."""
    head, mark, answer = solution.rpartition("####")
    numbers = list(NUMBER.finditer(answer))
    return head + mark + _changed(answer, numbers[0].start(), numbers[0].end(), chance) if mark and numbers else None


def change_step(solution: str, chance: random.Random) -> str | None:
    """Another result of one equation, in its note as well where it has one."""
    results = list(RESULT.finditer(solution.rpartition("####")[0] or solution))
    if not results:
        return None
    chosen = chance.choice(results)
    other = _changed(chosen[1], 0, len(chosen[1]), chance)
    text = solution
    for group in (2, 1):
        if chosen[group] is not None:
            text = text[: chosen.start(group)] + other + text[chosen.end(group) :]
    return text


def _changed(text: str, start: int, end: int, chance: random.Random) -> str:
    value = int(text[start:end])
    others = [value + 1, value + 10, value * 2 + 3, abs(value - 2) if abs(value - 2) != value else value + 5]
    return text[:start] + str(chance.choice(others)) + text[end:]


def _bare(text: str) -> str:
    text = NOTE.sub("", text).strip().strip("$").strip() if text.count("$") > 1 else NOTE.sub("", text).strip()
    text = re.sub(r"\\(?:text|mathrm)\{([^{}]*)\}", r" \1", text).replace("\\%", "%").replace("\\$", "$")
    return " ".join(text.split()).rstrip(".")


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text).casefold()


def _bracket(text: str) -> str:
    """What kind of thing a bracketed answer is: (1,2) is a pair or an open interval, {1,2} a set, [1,2] closed."""
    found = re.fullmatch(r"(?:\\left)?(\\?[({\[]).*(?:\\right)?(\\?[)}\]])", text, re.DOTALL)
    return (found[1] + found[2]).replace("\\", "") if found and "," in text else ""


def _compare_amounts(gold: re.Match[str], answer: re.Match[str]) -> tuple[Verdict, str]:
    units = _unit(gold), _unit(answer)
    values = [_value(one) for one in (gold, answer)]
    if None in values:
        return "abstain", "not_readable"
    if units[0] != units[1]:
        if not units[1] and units[0] not in MONEY.values():
            return "abstain", "unit_missing"
        if all(units):
            factor = _factor(units[1], units[0])
            if factor is None:
                return "abstain", "unit_missing"
            if not factor:
                return "fail", "wrong_unit"
            values[1] = values[1] * factor if values[1] is not None else None
        elif units[1] == "%":
            return "abstain", "unit_missing"
    wanted, found = values[0], values[1]
    assert wanted is not None
    assert found is not None
    if wanted == found:
        return "pass", ""
    is_fraction = wanted.denominator != 1 or found.denominator != 1
    if is_fraction and abs(wanted - found) <= CLOSE * abs(wanted):
        return "abstain", "rounded"
    return "fail", "wrong_answer"


def _value(amount: re.Match[str]) -> Fraction | None:
    if amount["below"] is not None and not int(amount["below"]):
        return None
    value = Fraction(amount["number"].replace(",", "")) / int(amount["below"] or 1)
    return -value if amount["sign"] and amount["sign"] != "+" else value


def _unit(amount: re.Match[str]) -> str:
    if amount["money"]:
        return MONEY[amount["money"]]
    unit = (
        (amount["unit"] or "").strip().casefold()
        if (amount["unit"] or "").strip() in ("%",)
        else (amount["unit"] or "")
    )
    unit = unit.strip()
    return {"dollars": "dollar", "euros": "euro", "percent": "%", "$": "dollar", "€": "euro"}.get(unit, unit)


def _factor(unit: str, wanted: str) -> Fraction | None:
    """What turns one unit into the other; 0 if they measure different things, None if one is unknown."""
    if unit.casefold().rstrip("s") == wanted.casefold().rstrip("s"):
        return Fraction(1)
    from pint.errors import PintError

    registry = _registry()
    if "%" in (unit, wanted) or {unit, wanted} & set(MONEY.values()):
        return Fraction(0)
    try:
        made = registry.Quantity(1, unit).to(wanted).magnitude
        return Fraction(made).limit_denominator(10**9)
    except PintError as error:
        return Fraction(0) if type(error).__name__ == "DimensionalityError" else None
    except Exception:  # pint's parser: words that are no unit
        return None


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)
