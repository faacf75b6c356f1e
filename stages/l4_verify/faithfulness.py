"""Does a rewrite say only what its source says? Every number and name in it must stand in the source.

A formal check with known limits: it does not see facts swapped between two names of the source, negations, claims
without a number or name, nor what the rewrite leaves out. Its recall on seeded defects stands in the certificate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from stages.l4_verify.names_in_text import TOKEN, folded, names
from stages.l4_verify.number_words import language
from stages.l4_verify.numbers_in_text import Known, numbers

Verdict = Literal["pass", "fail", "abstain"]


class Faithfulness(Checker):
    """Pass rows whose numbers and names all stand in `source_text`.

    Fails with `novel_number` or `novel_name`. Abstains with `no_source`, and with `nothing_to_check` where the rewrite
    has neither numbers nor names: nothing speaks against such a row, but nothing was proved about it either, and a
    certificate states what was checked. numbers, names: what to look for; max_novel_…: how many may be missing.
    """

    kind: Literal["faithfulness"] = "faithfulness"
    numbers: bool = True
    names: bool = True
    max_novel_numbers: int = 0
    max_novel_names: int = 0

    def check_input(self, schema: pa.Schema) -> None:
        if "source_text" not in schema.names:
            raise ValueError(
                "faithfulness compares with the column 'source_text', which is not here; "
                "put the level l3_synthesize with the step rewrite before it"
            )

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts([], [], [])
        texts, sources = batch.column("text").to_pylist(), batch.column("source_text").to_pylist()
        for text, source in zip(texts, sources, strict=True):
            verdict, defect, evidence = self._judge(text or "", source or "")
            verdicts.verdict.append(verdict)
            verdicts.defect.append(defect)
            verdicts.evidence.append(evidence)
        return verdicts

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Kind of defect → copies of rows with one such defect in each: what `check` must not pass."""
        kinds = {"number_changed": _change_number, "name_swapped": _swap_name}
        wanted = [kind for kind, on in zip(kinds, (self.numbers, self.names), strict=True) if on]
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in wanted}
        for row in rows.to_pylist():
            for kind in wanted:
                chance = random.Random(f"{seed} {kind} {row['id']}")
                mutant = kinds[kind](row["text"], row["source_text"] or "", chance)
                if mutant is not None:
                    found[kind].append({**row, "text": mutant})
        return {kind: pa.RecordBatch.from_pylist(mutants, rows.schema) for kind, mutants in found.items()}

    def _judge(self, text: str, source: str) -> tuple[Verdict, str, Mapping[str, Any]]:
        if not source:
            return "abstain", "no_source", {}
        items = list(_find_numbers(text, source)) if self.numbers else []
        items += _find_names(text, source) if self.names else []
        if not items:
            return "abstain", "nothing_to_check", {}
        evidence = {"items": items}
        for kind, most in (("number", self.max_novel_numbers), ("name", self.max_novel_names)):
            if sum(item["kind"] == kind and item["where"] is None for item in items) > most:
                return "fail", f"novel_{kind}", evidence
        return "pass", "", evidence


def _find_numbers(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each number of the text, and at which character of the source it stands (None: nowhere)."""
    tongue = language(source)
    known = Known(source, tongue)
    for number in numbers(text, tongue):
        if not number.is_seldom:
            yield {"kind": "number", "item": number.item, "where": known.find(number)}


def _find_names(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each name of the text, and at which character of the source its words stand in a row (None: nowhere)."""
    joined, starts = " ", {}
    for match in TOKEN.finditer(source):
        if match[0][0].isalnum():
            starts[len(joined)] = match.start()
            joined += f"{folded(match[0])} "
    for name in names(text):
        place = joined.find(f" {name.value} ")
        yield {"kind": "name", "item": name.item, "where": starts[place + 1] if place >= 0 else None}


# The mutants are made without the functions that the check uses: what those cannot see must count as not caught.
SURE_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")
STRANGERS = ("Harrowgate", "Delmont", "Ostrava", "Kessler", "Marwick", "Tolland")


def _change_number(text: str, source: str, chance: random.Random) -> str | None:
    digits = [match for match in re.finditer(r"\d+", text) if match[0] in source]
    if not digits:
        return None
    chosen = chance.choice(digits)
    for _ in range(20):
        other = "".join(chance.choices("123456789", k=len(chosen[0])))
        if other not in source:
            return text[: chosen.start()] + other + text[chosen.end() :]
    return None


def _swap_name(text: str, source: str, chance: random.Random) -> str | None:
    sure = set(SURE_NAME.findall(source))
    places = [match for match in re.finditer(r"\b[A-Z][a-z]{2,}\b", text) if match[0] in sure]
    strangers = [name for name in STRANGERS if name not in source]
    if not places or not strangers:
        return None
    chosen = chance.choice(places)
    return text[: chosen.start()] + chance.choice(strangers) + text[chosen.end() :]
