"""L4's faithfulness in English, German, French and Chinese: seeded defects caught, faithful rewrites failed.

    python -m benchmarks.l4_faithfulness [--mutants 600] [--seed 1]

Rewrites are those of `l4_pairs.py` (by hand), each source itself, and each source with its sentences in other orders.
Defects are made from them without the functions that the check uses. A defect is caught where the row does not pass.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import defaultdict
from collections.abc import Callable

from benchmarks.l4_pairs import PAIRS, STRANGERS
from pipeline.books.interval import rounded
from stages.l4_verify.faithfulness import Faithfulness
from stages.l4_verify.planted_defects import add_claim, change_unit, deny

Changed = Callable[[str, str, tuple[str, ...], str, random.Random], str | None]


def number(text: str, source: str, names: tuple[str, ...], language: str, chance: random.Random) -> str | None:
    """One digit of one number is another."""
    places = [match.start() for match in re.finditer(r"\d", text)]
    for _ in range(30):
        if not places:
            return None
        place = chance.choice(places)
        other = text[:place] + chance.choice("123456789") + text[place + 1 :]
        run = re.search(r"\d+$", other[: place + 1])
        new = (run[0] if run else "") + (re.match(r"\d*", other[place + 1 :]) or [""])[0]
        if other != text and new.lstrip("0") not in re.findall(r"\d+", source):
            return other
    return None


def name(text: str, source: str, names: tuple[str, ...], language: str, chance: random.Random) -> str | None:
    """One name is a stranger's."""
    here = [one for one in names if one in text]
    if not here:
        return None
    chosen, strangers = chance.choice(here), STRANGERS[language]
    if isinstance(strangers, dict):
        other = next(
            (new for end, new in sorted(strangers.items(), key=lambda e: -len(e[0])) if chosen.endswith(end)), None
        )
    else:
        other = chance.choice(strangers)
    return text.replace(chosen, other) if other else None


def unit(text: str, source: str, names: tuple[str, ...], language: str, chance: random.Random) -> str | None:
    return change_unit(text, source, chance)


def negation(text: str, source: str, names: tuple[str, ...], language: str, chance: random.Random) -> str | None:
    """One sentence denies what it said, or no longer denies it."""
    denials = {
        "en": r" not\b| never\b", "de": r" nicht\b| nie\b|(?<=kein)e\b", "fr": r" pas\b| jamais\b", "zh": r"不|从未",
    }[language]  # fmt: skip
    places = list(re.finditer(denials, text))
    if places and chance.random() < 0.5:
        chosen = chance.choice(places)
        if language == "de" and chosen[0] == "e":
            return text.replace("keine", "auch", 1)
        cut = text[: chosen.start()] + text[chosen.end() :]
        return re.sub(r"\bn'(?=a\b)|\bne ", "", cut) if language == "fr" else cut
    stated = re.sub(r"\A[^\n]*[?\uff1f]\n", "", text)  # a question states nothing
    return deny(stated, source, chance)


def foreign(text: str, source: str, names: tuple[str, ...], language: str, chance: random.Random) -> str | None:
    return add_claim(text, source, chance) if language != "zh" else text + "许多游客后来称赞了游泳池旁边的优秀餐厅。"


KINDS: dict[str, Changed] = {
    "number": number,
    "name": name,
    "unit": unit,
    "negation": negation,
    "foreign claim": foreign,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mutants",
        type=int,
        default=800,
        help="of the kinds number, name, unit and negation, as far as there are as many",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="what was missed")
    given = parser.parse_args()
    checker, caught, of = Faithfulness(), defaultdict[tuple[str, str], int](int), defaultdict[tuple[str, str], int](int)
    failed, rewrites, abstained = defaultdict[str, int](int), defaultdict[str, int](int), 0
    good: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for language, entries in PAIRS.items():
        good[language] = []
        for source, names, by_hand in entries:
            for text in (source, *_reordered(source, language), *by_hand):
                verdict, defect, evidence = checker._judge(text, source)
                rewrites[language] += 1
                failed[language] += verdict == "fail"
                abstained += verdict == "abstain"
                if verdict == "fail":
                    print(f"  fails though faithful ({language}, {defect}): {text[:300]}")
                    print(f"    {evidence.get('claim') or evidence}")
                elif verdict == "pass":
                    good[language].append((text, source, names))
    for language in PAIRS:
        for kind, change in KINDS.items():
            done, turn = set[str](), 0
            while len(done) < -(-given.mutants // 16) and turn < 4000:
                turn += 1
                chance = random.Random(f"{given.seed} {language} {kind} {turn}")
                text, source, names = chance.choice(good[language])
                mutant = change(text, source, names, language, chance)
                if mutant is None or mutant in done or mutant == text:
                    continue
                done.add(mutant)
                missed = checker._judge(mutant, source)[0] == "pass"
                of[kind, language] += 1
                caught[kind, language] += not missed
                if missed and given.show:
                    print(f"  missed ({language}, {kind}): {mutant}\n      source: {source}")
    print(f"{'caught':14}" + "".join(f"{language:>10}" for language in PAIRS) + f"{'all':>18}")
    for kind in KINDS:
        cells = "".join(f"{caught[kind, one]:>6}/{of[kind, one]:<3}" for one in PAIRS)
        got, out_of = (sum(table[kind, one] for one in PAIRS) for table in (caught, of))
        print(f"{kind:14}{cells}{got:>8}/{out_of} {got / out_of:.3f}")
    asked = [key for key in of if key[0] != "foreign claim"]
    got, out_of = sum(caught[key] for key in asked), sum(of[key] for key in asked)
    print(f"number, name, unit and negation: {got} of {out_of} caught, {got / out_of:.3f} {rounded(got, out_of)}")
    bad, total = sum(failed.values()), sum(rewrites.values())
    print(f"faithful rewrites: {bad} of {total} fail, {bad / total:.3f} {rounded(bad, total)}, {abstained} abstain")


def _reordered(source: str, language: str) -> list[str]:
    parts = source.split("。") if language == "zh" else re.split(r"(?<=[.!?]) (?=[A-ZÄÉ])", source)
    parts = [part for part in parts if part]
    turned = [parts[::-1], parts[1:] + parts[:1]]
    return ["".join(f"{one}。" for one in order) if language == "zh" else " ".join(order) for order in turned]


if __name__ == "__main__":
    main()
