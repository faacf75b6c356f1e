"""Claims of a rewrite, the sentence of the source that each rests on, and where a claim turns its source around.

A claim is a sentence. It rests on the source's sentence that shares most of its content words, compared by their first
letters (Chinese: pairs of signs), so that "flooded" finds "flooding". What is found:

| defect              | when                                                                                        |
|---------------------|---------------------------------------------------------------------------------------------|
| unsupported_claim   | too few of a claim's content words stand in the source at all                               |
| negation_changed    | claim and its sentences share most words, and only one of both denies                       |
| comparison_flipped  | the claim says more, rose, before where its sentences say less, fell, after                 |
| quote_changed       | words in quotation marks that are not in the source in a row                                |
"""

# ruff: noqa: E501

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.l4_verify.dates_in_text import MONTHS
from stages.l4_verify.number_words import SCALES, UNIT_OF, language
from stages.l4_verify.numbers_in_text import numbers

STOPS = re.compile(r"[.!?](?=[\s\"”»)])|[。！？]|\n")
ABBREVIATED = re.compile(r"\b(?:[A-Z]|[A-Za-z]\.[A-Za-z]|Dr|Mr|Mrs|Ms|St|Prof|Hr|Fr|Nr|No|Mio|Mrd|ca|vs|etc|bzw|z)\Z")
ORDINAL, NEXT_WORD = re.compile(r"\b\d{1,2}\.\Z"), re.compile(r"\s*(\w*)")
"""The day in "9. Februar" ends no sentence."""
WORD = re.compile(r"[^\W\d_\u3040-\u9fff]{2,}(?:['’][^\W\d_]{1,3})?|[\u4e00-\u9fff]+")
QUOTED = re.compile(
    r"“([^“”]{8,400})”|„([^„“”]{8,400})[“”]|«([^«»]{8,400})»|(?<![\w\"])\"(?=\w)([^\"\n]{8,400})\"(?!\w)|「([^「」]{4,400})」"
)
LABEL = re.compile(r"\A\s*(?:Question|Answer|Frage|Antwort|Réponse|问题?|答案?)\s?[:：]\s?")
STOP_WORDS = (
    "the a an and or but of to in on at by for with from as is are was were be been being it its this that these "
    "those he she they his her their has have had not no also which who whom than then there so such into over "
    "under about after before more less most during while when where what how why did does do can could will "
    "would may might must should der die das den dem des ein eine einen einem einer und oder aber von zu im in am "
    "an auf für mit aus als ist sind war waren wurde wurden wird werden sein es er sie sich nicht kein keine auch "
    "nach bei bis über unter durch dass hat haben hatte hatten zum zur vom mehr weniger le la les un une des du "
    "de et ou mais que qui dans pour sur avec par au aux est sont était étaient été être il elle ils elles ne pas "
    "plus moins ce cette ces son sa ses leur leurs se en a ont avait ainsi après avant "
    "here there any some each every all both about around roughly nearly only just still already one "
    "man dort hier dies diese dieser diesem dieses rund etwa nur noch schon jede jeder jedem jedes seit immer "
    "on cet dont chaque tout tous toute toutes encore déjà environ depuis "
)
STOP = frozenset(STOP_WORDS.split())
MEASURES = frozenset({*UNIT_OF, *SCALES})
"""What is compared with its number, in any of its forms, is no content of its own."""
DENIES = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|cannot|without|nicht|kein\w{0,2}|nie|niemals|niemand|nichts|ohne|"
    r"pas|jamais|aucune?|rien|sans|ni)\b|n['’]t\b|[不没未无非]|并非",
    re.IGNORECASE,
)
DENIES_SOFTLY = re.compile(
    r"\b(?:fail\w*|lack\w*|unable|impossible|unlikely|unknown|den(?:y|ie[ds])|refus\w*|prevent\w*|hardly|barely|except|only|"
    r"scheiter\w*|fehl\w*|verweiger\w*|verhinder\w*|kaum|unmöglich|unbekannt|lehn\w*|nur|"
    r"échou\w*|manqu\w*|empêch\w*|seule?s?|inconnue?s?)\b|[缺拒否禁只]|失败|除了",
    re.IGNORECASE,
)
"""Words that a rewrite may put "not" for. They excuse its denial only where it does not keep them."""
IDIOM = re.compile(
    r"\bnot only\b|\bno longer\b|\bno\. ?\d|\bnicht nur\b|\bnon seulement\b|不仅|不但|不同|不断|非常|未来|无论|不过|不過|不斷|不僅|未來|無論|没落",
    re.IGNORECASE,
)
OPPOSITES = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (r"\b(?:rose|risen|rises?|increas\w*|grew|grown|gained)\b", r"\b(?:fell|fallen|falls?|decreas\w*|declin\w*|dropp?\w*|shr[aiu]nk)\b"),
        (r"\b(?:more|higher|larger|greater|bigger|longer)\b", r"\b(?:less|fewer|lower|smaller|shorter)\b"),
        (r"\bbefore\b", r"\bafter\b"),
        (r"\b(?:stieg\w*|gestiegen|steig\w*|wuchs\w*|zunahm\w*|erhöht\w*)\b", r"\b(?:fiel\w*|gefallen|sank\w*|gesunken|sink\w*|verringert\w*)\b"),
        (r"\b(?:mehr|höher\w*|größer\w*|länger\w*)\b", r"\b(?:weniger|niedriger\w*|kleiner\w*|kürzer\w*)\b"),
        (r"\b(?:augment\w*|progress\w*|grimp\w*)\b", r"\b(?:diminu\w*|baiss\w*|chut\w*|recul\w*)\b"),
        (r"\b(?:plus de|plus grande?s?|plus haute?s?|supérieure?s?)\b", r"\b(?:moins de|plus petite?s?|plus basse?s?|inférieure?s?)\b"),
        (r"\bavant\b", r"\baprès\b"),
        (r"增加|上升|增长|提高", r"减少|下降|降低|下跌"),
        (r"多于|高于|大于|超过", r"少于|低于|小于|不足"),
        (r"之前|以前", r"之后|以后"),
    )
)  # fmt: skip
CLAUSE = re.compile(r"[,;:](?!\d)|[，；：]|\b(?:and|but|while|und|aber|während|et|mais)\b")
STEM = 5
FEWEST_WORDS = 4
"""Of a claim with fewer content words too little can be said."""
FEWEST_DENIED = 2
"""Content words of a denied clause that must all stand in a claim to be the same statement without its denial."""
SUPPORT = 0.34
"""Least share of a claim's content words in the source: `benchmarks/l4_faithfulness.py` shows both sides of it."""
CLOSE, RELATED = 0.5, 0.34
"""Share of a claim's content words in one sentence: to compare what both deny, and to count as what it rests on."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, where it begins, and its content words in comparable form."""

    text: str
    start: int
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the rewrite, with the source's best sentence and the share of its words there and in all of it."""

    text: str
    span: tuple[int, int] | None
    score: float
    support: float
    defect: str = ""


def claims(text: str, source: str) -> Iterator[Claim]:
    """Every claim of the text; questions claim nothing."""
    known = list(sentences(source))
    everything = frozenset().union(*(one.words for one in known))
    clauses = [part for one in known for part in CLAUSE.split(IDIOM.sub(" ", one.text))]
    tongue = language(source)
    joined = _folded(source)
    for claim in sentences(text):
        if claim.text.rstrip().endswith(("?", "？")):
            continue
        count = max(len(claim.words), 1)
        shares = [len(claim.words & one.words) / count for one in known]
        best = max(range(len(known)), key=lambda place: shares[place], default=None)
        span = (
            None if best is None or not shares[best] else (known[best].start, known[best].start + len(known[best].text))
        )
        support = len(claim.words & everything) / count
        score = 0.0 if best is None else shares[best]
        defect = _quote(claim.text, joined)
        if not defect and len(claim.words) >= FEWEST_WORDS and support < SUPPORT:
            defect = "unsupported_claim"
        if not defect and best is not None and shares[best] >= CLOSE:
            related = [one for one, share in zip(known, shares, strict=True) if share >= RELATED]
            defect = _turned(claim, known[best], related)
        if not defect:
            defect = _flipped_at_a_number(claim.text, clauses, tongue) or _no_longer_denied(claim, known)
        yield Claim(claim.text, span, round(score, 3), round(support, 3), defect)


def sentences(text: str) -> Iterator[Sentence]:
    start = 0
    for stop in [*(one.end() for one in STOPS.finditer(text)), len(text)]:
        if ABBREVIATED.search(text[max(stop - 9, 0) : stop - 1]) and text[stop - 1 : stop] == "." and stop < len(text):
            continue
        if ORDINAL.search(text[max(stop - 4, 0) : stop]):
            following = NEXT_WORD.match(text, stop)
            if following and following[1].casefold() in MONTHS:
                continue
        part, place, start = text[start:stop], start, stop
        label = LABEL.match(part)
        shown = part[label.end() :] if label else part.lstrip()
        if shown.strip():
            yield Sentence(shown.rstrip(), place + len(part) - len(shown), frozenset(content(shown)))


def content(text: str) -> Iterator[str]:
    for match in WORD.finditer(text):
        word = unicodedata.normalize("NFKC", match[0]).casefold()
        if "\u4e00" <= word[0] <= "\u9fff":
            yield from (word[place : place + 2] for place in range(len(word) - 1))
        elif word not in STOP and word not in MEASURES and not DENIES.fullmatch(word):
            yield word[:STEM]


def _turned(claim: Sentence, best: Sentence, related: Sequence[Sentence]) -> str:
    """Whether the claim denies what its sentences say, or the reverse, or compares the other way round."""
    said, here = IDIOM.sub(" ", claim.text), [IDIOM.sub(" ", one.text) for one in related]
    said = re.sub(r"\A(?:No|Nein|Non|Yes|Ja|Oui)\b,?", "", said)
    denied, softly = len(DENIES.findall(said)), DENIES_SOFTLY.search(said)
    excused = sum(word not in said for one in here for word in DENIES_SOFTLY.findall(one))
    if denied > sum(len(DENIES.findall(one)) for one in here) + excused:
        return "negation_changed"
    whole = IDIOM.sub(" ", best.text)
    source_denies = DENIES.search(whole)
    if source_denies and not denied and not softly:
        parts = [one.start() for one in CLAUSE.finditer(whole)]
        start = max((one for one in parts if one < source_denies.start()), default=0)
        end = min((one for one in parts if one > source_denies.end()), default=len(whole))
        near = frozenset(content(whole[start:end]))
        if near and len(near & claim.words) / len(near) >= CLOSE:
            return "negation_changed"
    for pair in OPPOSITES:
        for mine, other in (pair, pair[::-1]):
            turned = mine.search(said) and not other.search(said)
            if turned and any(map(other.search, here)) and not any(map(mine.search, here)):
                return "comparison_flipped"
    return ""


def _flipped_at_a_number(text: str, known: Sequence[str], tongue: str) -> str:
    """Whether a clause compares the other way round than the source's clauses that hold one of its numbers."""
    for clause in CLAUSE.split(IDIOM.sub(" ", text)):
        for pair in OPPOSITES:
            for mine, other in (pair, pair[::-1]):
                if not mine.search(clause) or other.search(clause):
                    continue
                amounts = _amounts(clause, tongue)
                same = [one for one in known if amounts & _amounts(one, tongue)]
                if any(map(other.search, same)) and not any(map(mine.search, same)):
                    return "comparison_flipped"
    return ""


def _amounts(text: str, tongue: str) -> set[str]:
    """What the numbers of a clause may amount to."""
    found = (one for number in numbers(text, tongue) if not number.is_seldom for one in number.readings)
    return {amount for reading in found for amount in reading.amounts}


def _no_longer_denied(claim: Sentence, known: Sequence[Sentence]) -> str:
    """Whether the claim holds every word of a clause that the source denies, and denies nothing."""
    said = IDIOM.sub(" ", claim.text)
    if DENIES.search(said) or DENIES_SOFTLY.search(said):
        return ""
    for one in known:
        for clause in CLAUSE.split(IDIOM.sub(" ", one.text)):
            words = frozenset(content(clause))
            if DENIES.search(clause) and len(words) >= FEWEST_DENIED and words <= claim.words:
                return "negation_changed"
    return ""


def _quote(text: str, source: str) -> str:
    for match in QUOTED.finditer(text):
        quoted = next(group for group in match.groups() if group is not None)
        if len(quoted.split()) > 2 or quoted[0] > "\u2fff":
            folded = _folded(quoted).rstrip(".,!?。，")
            if folded and folded not in source:
                return "quote_changed"
    return ""


def _folded(text: str) -> str:
    """Without case, kinds of quotation marks, dashes and spaces."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(FOLD)
    return " ".join(text.split())


FOLD = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "\u00ad": None})
