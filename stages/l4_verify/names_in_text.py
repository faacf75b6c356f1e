"""Names in a text, in a form that can be compared: what `faithfulness` looks for.

Names are capitalised words that do not open a sentence, runs of them (then also where they open one), and acronyms. Not
seen, by construction: a name that stands alone at the opening of a sentence, names in small letters or other scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(r"(?:[A-Z]\.){2,}|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\d+|\n|[^\w\s]")
NO_BREAK = re.compile(r"\.?[ \t]+")
OPENERS = frozenset('.!?:;\n"\u201c(-\u2013\u2014*\u2022')
TITLE_WORDS = "mr mrs ms dr sir president professor prof judge justice senator sen governor gov king queen st"
TITLES = frozenset(TITLE_WORDS.split())
# They open a sentence in front of a name ("In Paris") and are none, nor part of one.
FUNCTION_WORD_LIST = (
    "a about according after all also although among an and another any are as at because before both but by can could "
    "did do does during each every few for former from had has have he her here his how however if in into is it its "
    "like many may more most my nearly no nor not now of on only or other our over per she should since so some such "
    "than that the their then there these they this those though through thus to today under unlike until upon was we "
    "were what when where whether which while who whose why will with within without would yes yet you your "
    "question answer i i'm i've i'd i'll am pm ok"
)
FUNCTION_WORDS = frozenset(FUNCTION_WORD_LIST.split())


@dataclass(frozen=True, slots=True)
class Name:
    """A name, as it stands in the text and in comparable form."""

    item: str
    value: str
    start: int


def names(text: str) -> Iterator[Name]:
    """Every name, in the order of the text; its value is its words in `folded` form, parted by a space."""
    for run, opens in _capitalised_runs(text):
        while len(run) > 1 and run[0][0].lower() in TITLES:
            run, opens = run[1:], False
        if opens and len(run) == 1 and not _is_acronym(run[0][0]):
            continue
        start, (last, last_start) = run[0][1], run[-1]
        yield Name(text[start : last_start + len(last)], " ".join(folded(word) for word, _ in run), start)


def words(text: str) -> str:
    """All words in `folded` form, parted and enclosed by spaces: a name is in the text if ` name ` is in this."""
    return f" {' '.join(folded(match[0]) for match in TOKEN.finditer(text) if match[0][0].isalnum())} "


def folded(word: str) -> str:
    """A word without case, dots, possessive and plural: `Smiths'` and `Smith's` are `smith`, `U.S.` is `us`."""
    word = re.sub(r"'s?$", "", word.casefold().replace("\u2019", "'").replace(".", ""))
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _capitalised_runs(text: str) -> Iterator[tuple[list[tuple[str, int]], bool]]:
    """Runs of capitalised words with where each starts, and whether the run opens a sentence.

    A function word is in no run, so that "In Paris" and "the U.S. The army" give `Paris`, `U.S.`.
    """
    run: list[tuple[str, int]] = []
    run_opens = opens = True
    for match in TOKEN.finditer(text):
        word = match[0]
        capitalised = word[0].isupper() and not _is_filler(word, opens)
        if run and not (capitalised and _joins(text, run[-1], match.start())):
            if word == "." and _is_abbreviation(run[-1][0]):
                continue  # "J. Smith", "Dr. Smith": no sentence ends here
            yield run, run_opens
            run = []
        if capitalised:
            run_opens = run_opens if run else opens
            run.append((word, match.start()))
        opens = word in OPENERS
    if run:
        yield run, run_opens


def _joins(text: str, last: tuple[str, int], start: int) -> bool:
    return NO_BREAK.fullmatch(text, last[1] + len(last[0]), start) is not None


def _is_abbreviation(word: str) -> bool:
    return len(word) == 1 or word.lower() in TITLES


def _is_filler(word: str, opens: bool) -> bool:
    """Function words, and adverbs at the opening of a sentence ("Recently Smith left"; Emily and Sally are shorter)."""
    return word.lower() in FUNCTION_WORDS or (opens and len(word) > 6 and word.endswith("ly"))


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()


GERMAN_OPENER_WORDS = (
    "der die das dem den des ein eine einen einem einer im in am an auf aus bei mit nach von vor zu zum zur über "
    "unter für jeder jede jedes jeden dieser diese dieses diesen alle viele einige manche keine mehrere beide "
    "seine ihre unsere nur auch als wenn weil wo wer was wie und aber frage antwort herr frau "
)
GERMAN_OPENERS = frozenset(GERMAN_OPENER_WORDS.split())
"""They open a German sentence in front of a noun and are no part of a name."""
PLACED = re.compile(
    r"\b(?:in|aus|nach|bei|Herrn?|Frau|Dr\.|Präsident(?:in)?|Stadt|Firma)[ ](?P<name>[A-ZÄÖÜ][\w-]{1,40})"
)
CHINESE_NAME = re.compile(
    r"(?:(?<=[在于从到由和与，。、])|\A|(?<=\n))(?P<name>[\u4e00-\u9fff]{1,6}?(?:省|市|县|州|国|大学|学院|公司|银行|河|江|湖|山|岛|教授|博士|"
    r"先生|女士|总统|市长|部长|主席))"
)
"""Names of other scripts have no capitals: what ends as names of places, firms and persons with a title do."""


def is_chinese(text: str) -> bool:
    """Whether a good part of the signs are Chinese."""
    return 4 * sum("\u4e00" <= sign <= "\u9fff" for sign in text) > len(text)


def german_names(text: str) -> Iterator[Name]:
    """German writes all nouns with capitals: names are ends of runs of them, acronyms, and what stands as a place."""
    for run, opens in _capitalised_runs(text):
        word, start = run[-1]
        if opens and run[0][0].lower() in GERMAN_OPENERS:
            run = run[1:]
        if _is_acronym(word) or len(run) > 1:
            yield Name(word, folded(word), start)
    for match in PLACED.finditer(text):
        yield Name(match["name"], folded(match["name"]), match.start("name"))
