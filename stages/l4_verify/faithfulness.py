"""Does a rewrite say only what its source says? Numbers, names, and what its sentences claim, in en, de, fr and zh.

Every number and name must stand in the source (`numbers_in_text.py`, `names_in_text.py`), and every sentence must rest
on it and not turn it around (`claims.py`: negations, comparisons, quotations, sentences of another subject). Statements
put together from the source's own words, and answers to another question, are looked for by where their words stand
(`own_words.py`): that only keeps a row from passing.

A formal check with known limits: it does not see what is denied in other words, what the rewrite leaves out, nor a
wrong statement whose words all stand in one place. Its recall on seeded defects stands in the certificate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from stages.l4_verify.claims import claims
from stages.l4_verify.dates_in_text import MONTHS, dated, months_in
from stages.l4_verify.names_in_text import CHINESE_NAME, TOKEN, folded, german_names, is_chinese, names
from stages.l4_verify.number_words import language
from stages.l4_verify.numbers_in_text import Known, numbers
from stages.l4_verify.own_words import findings
from stages.l4_verify.planted_defects import PLANTED

Verdict = Literal["pass", "fail", "abstain"]
ELIDED = re.compile(r"\b([LDSNJCMTldsnjcmt]|[Qq]u)['’](?=\w)")
"""L'architecte, d'Orsay."""
IDENTIFIER = re.compile(
    r"(?<![\w./:@-])(?:(?:[A-Za-z]\w{0,60}\.){0,8}(?=[A-Za-z]\w{0,60}_)[A-Za-z]\w{1,60}(?![\w/:@-]|\.\w)"
    r"|(?:[A-Za-z]\w{1,60}\.){1,8}[a-z]\w{1,60}(?=\())"
)
"""With an underscore, or dotted and called: prose without a space behind its full stop has neither."""
DEGREES = re.compile(r"°[ ]?[CF]\b")


class Faithfulness(Checker):
    """Pass rows whose numbers and names all stand in `source_text`.

    Fails with `novel_number`, `novel_date`, `novel_name`, `no_answer`, or what `claims.py` finds. Abstains with
    `no_source`, with what else `own_words.py` finds, and with `nothing_to_check` where the rewrite has neither numbers
    nor names: nothing speaks against such a row, but nothing was proved about it either, and a certificate states what
    was checked. numbers, names, claims: what to look for; max_novel_…: how many may be missing.
    """

    kind: Literal["faithfulness"] = "faithfulness"
    numbers: bool = True
    names: bool = True
    claims: bool = True
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
        looked_for = {"number": self.numbers, "name": self.names, "claim": self.claims}
        wanted = [kind for kind, (_, of) in PLANTED.items() if looked_for[of]]
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in wanted}
        for row in rows.to_pylist():
            for kind in wanted:
                chance = random.Random(f"{seed} {kind} {row['id']}")
                mutant = PLANTED[kind][0](row["text"], row["source_text"] or "", chance)
                if mutant is not None:
                    found[kind].append({**row, "text": mutant})
        return {kind: pa.RecordBatch.from_pylist(mutants, rows.schema) for kind, mutants in found.items()}

    def _judge(self, text: str, source: str) -> tuple[Verdict, str, Mapping[str, Any]]:
        if not source:
            return "abstain", "no_source", {}
        items = list(_find_numbers(text, source)) if self.numbers else []
        items += _find_dates(text, source) if self.numbers else []
        items += _find_names(text, source) if self.names else []
        items += _find_identifiers(text, source) if self.names else []
        if not items:
            return "abstain", "nothing_to_check", {}
        evidence: dict[str, Any] = {"items": items}
        for kind, most in (("number", self.max_novel_numbers), ("date", 0), ("name", self.max_novel_names)):
            if sum(item["kind"] == kind and item["where"] is None for item in items) > most:
                return "fail", f"novel_{kind}", evidence
        found = list(claims(text, source)) if self.claims else []
        if found:
            evidence["claims"] = [
                {"claim": one.text, "span": one.span, "score": one.score, "support": one.support} for one in found
            ]
        turned = next((one for one in found if one.defect), None)
        if turned is not None:
            return "fail", turned.defect, evidence | {"claim": turned.text}
        for one in findings(text, source) if self.claims else ():
            verdict: Verdict = "fail" if one.defect == "no_answer" else "abstain"
            return verdict, one.defect, evidence | {"claim": one.claim}
        return "pass", "", evidence


def _find_numbers(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each number of the text, and at which character of the source it stands (None: nowhere)."""
    tongue = language(source)
    known = Known(source, tongue)
    for number in numbers(text, tongue):
        if not number.is_seldom:
            yield {"kind": "number", "item": number.item, "where": known.find(number)}


def _find_dates(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each month of a date, and at which character the source names it (None: nowhere)."""
    known = None
    for month, written, _ in dated(text):
        known = months_in(source) if known is None else known
        yield {"kind": "date", "item": written, "where": known.get(month)}


def _find_identifiers(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each name of a program (`apply_to_df`, `scipy.stats.norm`), by the parts between its dots."""
    known: dict[str, int] = {}
    for match in IDENTIFIER.finditer(text):
        known = known or {one[0]: one.start() for one in re.finditer(r"\w+", source)}
        places = [known.get(part) for part in match[0].split(".")]
        yield {"kind": "name", "item": match[0], "where": places[0] if None not in places else None}


def _find_names(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Each name of the text, and at which character of the source its words stand in a row (None: nowhere)."""
    if is_chinese(text):
        for match in CHINESE_NAME.finditer(text):
            place = source.find(match["name"])
            yield {"kind": "name", "item": match["name"], "where": place if place >= 0 else None}
        return
    text = DEGREES.sub("°", text)
    tongue, months = language(source), months_in(source)
    if tongue == "fr":  # of the same length, so that places stay
        text, source = ELIDED.sub(r"\1 ", text), ELIDED.sub(r"\1 ", source)
    joined, starts = " ", {}
    for match in TOKEN.finditer(source):
        if match[0][0].isalnum():
            starts[len(joined)] = match.start()
            joined += f"{folded(match[0])} "
    for name in german_names(text) if tongue == "de" else names(text):
        if MONTHS.get(name.value) in months:  # in another form or language
            continue
        place = joined.find(f" {name.value} ")
        yield {"kind": "name", "item": name.item, "where": starts[place + 1] if place >= 0 else None}
