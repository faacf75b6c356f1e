"""Defects planted in faithful rewrites: how many of them `faithfulness` catches stands in every certificate.

They are made without the functions that the check uses: what those cannot see must count as not caught. Each function
takes text, source and a seeded chance, and gives the text with one defect, or None where it has no place for it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

SURE_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")
PLAIN_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?![\w,:/-]|\.\d)")
STRANGERS = ("Harrowgate", "Delmont", "Ostrava", "Kessler", "Marwick", "Tolland")


def change_number(text: str, source: str, chance: random.Random) -> str | None:
    digits = [match for match in re.finditer(r"\d+", text) if match[0] in source]
    if not digits:
        return None
    chosen = chance.choice(digits)
    for _ in range(20):
        other = "".join(chance.choices("123456789", k=len(chosen[0])))
        if other not in source:
            return text[: chosen.start()] + other + text[chosen.end() :]
    return None


def take_other_number(text: str, source: str, chance: random.Random) -> str | None:
    """12 becomes 30, which the source says of something else."""
    places = list(PLAIN_NUMBER.finditer(text))
    others = sorted({one[0] for one in PLAIN_NUMBER.finditer(source)} - {one[0] for one in places})
    if not places or not others:
        return None
    chosen = chance.choice(places)
    return f"{text[: chosen.start()]}{chance.choice(others)}{text[chosen.end() :]}"


def change_sign(text: str, source: str, chance: random.Random) -> str | None:
    """12 % becomes -12 %."""
    amounts = list(
        re.finditer(r"(?<![\w.,-])\d+(?:\.\d+)?(?= ?(?:%|°|percent|degrees|Prozent|Grad|degrés|km|kg|m)\b)", text)
    )
    if not amounts:
        return None
    place = chance.choice(amounts).start()
    return f"{text[:place]}-{text[place:]}"


def drop_group(text: str, source: str, chance: random.Random) -> str | None:
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


def change_unit(text: str, source: str, chance: random.Random) -> str | None:
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


def change_exponent(text: str, source: str, chance: random.Random) -> str | None:
    """10⁶ becomes 10⁷, 2.5e-3 becomes 2.5e-2."""
    places = list(EXPONENT.finditer(text))
    if not places:
        return None
    chosen = chance.choice(places)
    other = str(int(chosen[0].translate(PLAIN)) + chance.choice((-2, -1, 1, 2)))
    raised = chosen[0] != chosen[0].translate(PLAIN)
    return text[: chosen.start()] + (other.translate(RAISED) if raised else other) + text[chosen.end() :]


MONTH_NAMES = (
    "January February March April May June July August September October November December",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
)
MONTH = re.compile(
    rf"\b(?:{'|'.join(sorted(set(' '.join(MONTH_NAMES).split())))})\b(?=,? \d)"
    rf"|(?:(?<=\d )|(?<=\d\. ))(?:{'|'.join(sorted(set(' '.join(MONTH_NAMES).split())))})\b|(?<=年)1?\d(?=月)"
)


def change_date(text: str, source: str, chance: random.Random) -> str | None:
    """3 May 1999 becomes 3 October 1999: a month that the source does not name."""
    places = list(MONTH.finditer(text))
    if not places:
        return None
    chosen = chance.choice(places)
    names = next((known for line in MONTH_NAMES if chosen[0] in (known := line.split())), list(map(str, range(1, 13))))
    others = [name for name in names if f"{name}月" not in source and not re.search(rf"\b{name}\b", source)]
    return text[: chosen.start()] + chance.choice(others) + text[chosen.end() :] if others else None


DENIALS = (
    (r"\b(was|were|is|are|has|had|did|will|would|can|could) (?!not\b)", r"\1 not "),
    (r"\b(wurde|wurden|war|waren|ist|sind|hat|hatte|hatten|wird|werden) (?!nicht\b)", r"\1 nicht "),
    (r"\b(était|étaient|est|sont|avait|avaient|a|ont|sera) (?!pas\b)", r"n'\1 pas "),
    (r"(?<![不没])(是|在|会|能)", r"不\1"),
    (r"(?<![没只])有", "没有"),
)


def deny(text: str, source: str, chance: random.Random) -> str | None:
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


def add_claim(text: str, source: str, chance: random.Random) -> str:
    """A sentence about something else."""
    return f"{text} {chance.choice(FOREIGN)}"


def swap_name(text: str, source: str, chance: random.Random) -> str | None:
    sure = set(SURE_NAME.findall(source))
    places = [match for match in re.finditer(r"\b[A-Z][a-z]{2,}\b", text) if match[0] in sure]
    strangers = [name for name in STRANGERS if name not in source]
    if not places or not strangers:
        return None
    chosen = chance.choice(places)
    return text[: chosen.start()] + chance.choice(strangers) + text[chosen.end() :]


PLANTED: dict[str, tuple[Callable[[str, str, random.Random], str | None], str]] = {
    "number_changed": (change_number, "number"),
    "other_number_taken": (take_other_number, "claim"),
    "sign_changed": (change_sign, "number"),
    "digit_group_dropped": (drop_group, "number"),
    "unit_changed": (change_unit, "number"),
    "exponent_changed": (change_exponent, "number"),
    "date_changed": (change_date, "number"),
    "name_swapped": (swap_name, "name"),
    "denied": (deny, "claim"),
    "foreign_claim": (add_claim, "claim"),
}
"""Kind of defect → what plants it, and whether numbers, names or claims must be looked for to see it."""
