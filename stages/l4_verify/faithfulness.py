"""Does a rewrite say only what its source says? Numbers, names, and what its sentences claim, in en, de, fr and zh.

Every number and name must stand in the source (`numbers_in_text.py`, `names_in_text.py`), and every sentence must rest
on it and not turn it around (`claims.py`: negations, comparisons, quotations, sentences of another subject).

A formal check with known limits: it does not see facts swapped between two names of the source, what is denied in other
words, nor what the rewrite leaves out. Its recall on seeded defects stands in the certificate.
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
from stages.l4_verify.names_in_text import CHINESE_NAME, TOKEN, folded, german_names, is_chinese, names
from stages.l4_verify.number_words import language
from stages.l4_verify.numbers_in_text import Known, numbers

Verdict = Literal["pass", "fail", "abstain"]
ELIDED = re.compile(r"\b([LDSNJCMTldsnjcmt]|[Qq]u)['’](?=\w)")
"""L'architecte, d'Orsay."""


class Faithfulness(Checker):
    """Pass rows whose numbers and names all stand in `source_text`.

    Fails with `novel_number`, `novel_name`, or what `claims.py` finds. Abstains with `no_source`, and with
    `nothing_to_check` where the rewrite has neither numbers nor names: nothing speaks against such a row, but nothing
    was proved about it either, and a certificate states what was checked. numbers, names, claims: what to look for;
    max_novel_…: how many may be missing.
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
        kinds = {
            "number_changed": (_change_number, self.numbers), "sign_changed": (_change_sign, self.numbers),
            "digit_group_dropped": (_drop_group, self.numbers), "unit_changed": (_change_unit, self.numbers),
            "exponent_changed": (_change_exponent, self.numbers), "date_changed": (_change_date, self.numbers),
            "name_swapped": (_swap_name, self.names), "denied": (_deny, self.claims),
            "foreign_claim": (_add_claim, self.claims),
        }  # fmt: skip
        wanted = [kind for kind, (_, on) in kinds.items() if on]
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in wanted}
        for row in rows.to_pylist():
            for kind in wanted:
                chance = random.Random(f"{seed} {kind} {row['id']}")
                mutant = kinds[kind][0](row["text"], row["source_text"] or "", chance)
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
        evidence: dict[str, Any] = {"items": items}
        for kind, most in (("number", self.max_novel_numbers), ("name", self.max_novel_names)):
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
    if is_chinese(text):
        for match in CHINESE_NAME.finditer(text):
            place = source.find(match["name"])
            yield {"kind": "name", "item": match["name"], "where": place if place >= 0 else None}
        return
    tongue = language(source)
    if tongue == "fr":  # of the same length, so that places stay
        text, source = ELIDED.sub(r"\1 ", text), ELIDED.sub(r"\1 ", source)
    joined, starts = " ", {}
    for match in TOKEN.finditer(source):
        if match[0][0].isalnum():
            starts[len(joined)] = match.start()
            joined += f"{folded(match[0])} "
    for name in german_names(text) if tongue == "de" else names(text):
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


def _change_sign(text: str, source: str, chance: random.Random) -> str | None:
    """12 % becomes -12 %."""
    amounts = list(
        re.finditer(r"(?<![\w.,-])\d+(?:\.\d+)?(?= ?(?:%|°|percent|degrees|Prozent|Grad|degrés|km|kg|m)\b)", text)
    )
    if not amounts:
        return None
    place = chance.choice(amounts).start()
    return f"{text[:place]}-{text[place:]}"


def _drop_group(text: str, source: str, chance: random.Random) -> str | None:
    """1,234,567 becomes 1,234."""
    groups = [match for match in re.finditer(r"\d(?:[,.\u202f]\d{3})+(?![\d,.])", text)]
    if not groups:
        return None
    end = chance.choice(groups).end()
    return text[: end - 4] + text[end:]


UNITS = {
    "km": "miles", "kilometres": "miles", "kilometers": "miles", "miles": "km", "kg": "tonnes", "metres": "feet",
    "meters": "feet", "feet": "metres", "tonnes": "kg", "hours": "days", "days": "weeks", "percent": "km", "%": " km",
    "Kilometer": "Meilen", "Tonnen": "Kilogramm", "Stunden": "Tage", "Meter": "Kilometer", "Prozent": "Euro",
    "kilomètres": "mètres", "tonnes ": "grammes ", "heures": "jours", "euros": "dollars", "Euro": "Dollar",
    "公里": "米", "吨": "公斤", "小时": "天", "美元": "欧元",
}  # fmt: skip


def _change_unit(text: str, source: str, chance: random.Random) -> str | None:
    """12 km becomes 12 miles."""
    names = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))
    places = list(re.finditer(rf"(?<=\d)( ?)({names})(?![a-zäöüé])", text))
    if not places:
        return None
    chosen = chance.choice(places)
    return text[: chosen.start(2)] + UNITS[chosen[2]] + text[chosen.end(2) :]


EXPONENT = re.compile(r"(?<=10\^)-?\d{1,3}(?!\d)|(?<=\d[eE])[-+]?\d{1,3}(?![\w.])|(?<=10)[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}")
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def _change_exponent(text: str, source: str, chance: random.Random) -> str | None:
    """10⁶ becomes 10⁷, 2.5e-3 becomes 2.5e-2."""
    places = list(EXPONENT.finditer(text))
    if not places:
        return None
    chosen = chance.choice(places)
    other = str(int(chosen[0].translate(PLAIN)) + chance.choice((-2, -1, 1, 2)))
    raised = chosen[0] != chosen[0].translate(PLAIN)
    return text[: chosen.start()] + (other.translate(RAISED) if raised else other) + text[chosen.end() :]


MONTHS = (
    "January February March April May June July August September October November December",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
)
MONTH = re.compile(
    rf"\b(?:{'|'.join(sorted(set(' '.join(MONTHS).split())))})\b(?=,? \d)"
    rf"|(?:(?<=\d )|(?<=\d\. ))(?:{'|'.join(sorted(set(' '.join(MONTHS).split())))})\b|(?<=年)1?\d(?=月)"
)


def _change_date(text: str, source: str, chance: random.Random) -> str | None:
    """3 May 1999 becomes 3 October 1999: a month that the source does not name."""
    places = list(MONTH.finditer(text))
    if not places:
        return None
    chosen = chance.choice(places)
    names = next((known for line in MONTHS if chosen[0] in (known := line.split())), list(map(str, range(1, 13))))
    others = [name for name in names if f"{name}月" not in source and not re.search(rf"\b{name}\b", source)]
    return text[: chosen.start()] + chance.choice(others) + text[chosen.end() :] if others else None


DENIALS = (
    (r"\b(was|were|is|are|has|had|did|will|would|can|could) (?!not\b)", r"\1 not "),
    (r"\b(wurde|wurden|war|waren|ist|sind|hat|hatte|hatten|wird|werden) (?!nicht\b)", r"\1 nicht "),
    (r"\b(était|étaient|est|sont|avait|avaient|a|ont|sera) (?!pas\b)", r"n'\1 pas "),
    (r"(?<![不没])(是|在|会|能)", r"不\1"),
    (r"(?<![没只])有", "没有"),
)


def _deny(text: str, source: str, chance: random.Random) -> str | None:
    """It was built becomes it was not built, in a sentence that its source does not deny either."""
    for pattern, replacement in DENIALS:
        places = list(re.finditer(pattern, text))
        if places:
            chosen = chance.choice(places)
            return text[: chosen.start()] + chosen.expand(replacement) + text[chosen.end() :]
    return None


FOREIGN = (
    "Most of the visitors later praised the excellent restaurant beside the swimming pool.",
    "Scientists believe that this discovery will change how vaccines against malaria are produced.",
    "Der Trainer lobte danach die junge Mannschaft wegen ihrer starken Verteidigung.",
    "Les musiciens préparent maintenant un nouvel album enregistré dans leur studio.",
)


def _add_claim(text: str, source: str, chance: random.Random) -> str:
    """A sentence about something else."""
    return f"{text} {chance.choice(FOREIGN)}"


def _swap_name(text: str, source: str, chance: random.Random) -> str | None:
    sure = set(SURE_NAME.findall(source))
    places = [match for match in re.finditer(r"\b[A-Z][a-z]{2,}\b", text) if match[0] in sure]
    strangers = [name for name in STRANGERS if name not in source]
    if not places or not strangers:
        return None
    chosen = chance.choice(places)
    return text[: chosen.start()] + chance.choice(strangers) + text[chosen.end() :]
