"""Numbers in a text, exact and in forms that can be compared, for `faithfulness`.

1,234 = 1 234 = 1234, 12.50 = 12.5 = 12½ = 12,5 (German, French), 3 million = 3000000 = 3e6 = 3 × 10⁶, twenty-one = 21st
= 21, two dozen = 24, two-thirds = 2/3, half of = 50%, 5 lakh = 500,000, .5 = 0.5, 1990s = 1990, 5 percent = 5%,
−5 = minus 5 = 5 below zero, 二十万 = 200,000.

| kind                        | compared                                                                           |
|-----------------------------|------------------------------------------------------------------------------------|
| numbers                     | as fractions, so to the last digit; sign, scale and unit with them                 |
| versions, addresses, codes  | as written: 3.10 after a capitalised word, 1.2.3, 192.168.0.1, A380, 24/7          |
| a unit that one side lacks  | equal, if the source has that unit at any number ("40 to 50 km"); % and 5m are not |

Left out: `one`, `first`, `second`, which are seldom numbers, and the indices of list items.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from stages.l4_verify.number_words import (
    CHINESE_DIGITS,
    CHINESE_SCALES,
    LONG_SCALE,
    MULTIPLES,
    ONE_PART,
    PARTS,
    SCALES,
    SELDOM_NUMBERS,
    UNIT_OF,
    WORDS,
    chinese_value,
    language,
)

VULGAR = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅕": "1/5",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}
SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
WIDE = str.maketrans("０１２３４５６７８９．，％", "0123456789.,%")
SPACES = " \u00a0\u2009\u202f"
MINUS = "-\u2212\u2013"
LARGEST_EXPONENT = 400
"""Beyond it a number is compared as written."""
CHINESE = "".join([*CHINESE_DIGITS, *CHINESE_SCALES])
LETTERS = r"[^\W\d_\u3040-\u9fff]"
"""Not Chinese ones: those do not end where a word does."""
EXPONENT = r"(?:\^[-\u2212]?\d{1,9}|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]{1,6})"
LITERAL = re.compile(
    rf"10(?P<tower>{EXPONENT})"
    rf"|(?P<digits>(?:(?<![\w.)\]])\.)?\d+(?:[.,'\u2019{SPACES}]\d+){{0,12}})(?:[ ]?(?P<vulgar>[{''.join(VULGAR)}]))?"
    rf"(?P<power>e[-+]?\d{{1,9}}(?![\w.])|[{SPACES}]?[x×·*][{SPACES}]?10{EXPONENT})?"
    rf"|(?P<alone>[{''.join(VULGAR)}])|(?P<chinese>[{CHINESE}]{{1,40}})"
    rf"|(?P<word>{LETTERS}{{1,40}}(?:-{LETTERS}{{1,40}}){{0,2}})",
    re.IGNORECASE,
)
CODE = re.compile(r"(?=[\w-]{0,40}\d)(?=[\w-]{0,40}[^\W\d_])[^\W_]{1,40}(?:-[^\W_]{1,40}){0,8}")
"""Letters and digits in one token."""
NOUN = re.compile(r"[ ][^\W\d_]{2}")
SUFFIX = re.compile(r"(?:st|nd|rd|th|s|er|e|\.)?(?![^\W_])", re.IGNORECASE)
AFTER = re.compile(
    rf"[{SPACES}-]?(?P<sign>[%‰°€$£¥℃℉％](?:[CF]\b)?|(?:per|pour)[ ]cent\b|[ap]\.m\b\.?|[^\W\d_²³½]{{1,40}})"
    r"(?P<power>[²³])?"
)
CURRENCY = re.compile(r"([$€£¥])[ ]?\Z")
VERSION_WORDS = ("v", "version", "release", "ver")
VERSION = re.compile(rf"(?:\b(?:{'|'.join(VERSION_WORDS)})\.?[ ]?|\b[A-Z][^\W\d_]*[ ])\Z")
OPENING = re.compile(r"(?:\A|[.!?:;\n\"(]\s*)\Z")
NO_NAMES = "in on at by of from to the a and or about nearly over under than is was with for its"
BELOW = re.compile(r"[^.\n;]{0,16}?\b(?:below zero|unter null|sous zéro)\b", re.IGNORECASE)
NEGATIVE = re.compile(r"(?:\bminus |\bmoins |\u96f6\u4e0b|\u8d1f)\Z", re.IGNORECASE)
LIST_INDEX = re.compile(r"^[^\S\n]*(\d{1,2})[.)]\s", re.MULTILINE)
SLASHED = re.compile(r"(?<![\w/.])(\d{1,4})/(\d{1,4})(?![\w/])")
WORD = re.compile(rf"{LETTERS}{{1,40}}(?:-{LETTERS}{{1,40}}){{0,2}}")
MOST_WORDS = 12
"""Of one number: nine hundred and ninety-nine thousand nine hundred and ninety-nine."""
HALF = re.compile(r"\b(?:half|halb\w*|demi)(?: an? (hundred|thousand|million|billion|dozen))?\b|\u534a", re.IGNORECASE)
FRACTION = re.compile(
    rf"(?:(?P<several>{LETTERS}{{2,12}})[ -](?P<parts>{'|'.join(PARTS)})"
    rf"|(?:(?:one[ -]|an?[ ])(?P<part>{'|'.join(ONE_PART)})|half)(?=[ ]of\b))(?!\w)",
    re.IGNORECASE,
)
HALVES = {"am": "pm", "pm": "am"}
"""Of the day; where the source does not say which, the rewrite may ("3 in the afternoon")."""
ALSO = {"lb": ("£",), "°": ("°C", "°F"), "°C": ("°",), "°F": ("°",)}
"""Units that may be the same: pounds weigh or are paid, degrees seldom say of which scale."""
STRICT = frozenset({"%", "‰", "m", "k", "b"})
"""Units without which a number is another: 5% is not 5, and 5m may be millions."""


class Reading(NamedTuple):
    """One way of reading a number: `10 200` may be two amounts, `5m` metres or millions."""

    amounts: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a text: where and how it stands, and what it may mean."""

    item: str
    start: int
    readings: tuple[Reading, ...]
    is_seldom: bool = False


class Known:
    """The numbers of a source, to look others up in."""

    def __init__(self, text: str, tongue: str) -> None:
        self._units: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._all_units: set[str] = set()
        for number in numbers(text, tongue):
            for reading in number.readings:
                self._all_units.add(reading.unit)
                for amount in reading.amounts:
                    self._units[amount].setdefault(reading.unit, number.start)
        for match in SLASHED.finditer(text):
            for part in (1, 2):
                self._units[match[part].lstrip("0") or "0"].setdefault("", match.start(part))
        for match in HALF.finditer(text):
            scale = SCALES[match[1].lower()] if match[1] else 1
            self._units[str(Fraction(scale, 2))].setdefault("", match.start())

    def find(self, number: Number) -> int | None:
        """Where the source holds it; None: nowhere."""
        for reading in number.readings:
            places = [self._place(amount, reading.unit) for amount in reading.amounts]
            if all(place is not None for place in places):
                return places[0]
        return None

    def _place(self, amount: str, unit: str) -> int | None:
        units = self._units.get(amount, {})
        if unit in HALVES:
            otherwise = None if HALVES[unit] in units else next(iter(units.values()), None)
            return units.get(unit, otherwise)
        for one in (unit, *ALSO.get(unit, ()), *(other for other, same in ALSO.items() if unit in same)):
            if one and one in units:
                return units[one]
        if unit in units:
            return units[unit]
        if not unit:
            return next((start for other, start in units.items() if other not in STRICT), None)
        return units.get("") if unit in self._all_units else None


def numbers(text: str, tongue: str | None = None) -> Iterator[Number]:
    """Every number, in the order of the text. tongue: the language that decides what `1.234` is, if not its own."""
    text = text.translate(WIDE)
    tongue = tongue or language(text)
    indices = {match.start(1) for match in LIST_INDEX.finditer(text)}
    place = 0
    while match := LITERAL.search(text, place):
        place = match.end()
        if match["word"]:
            found = _code(text, match.start()) or _spelled(text, match, tongue)
        elif match["chinese"]:
            found = _chinese(text, match)
        elif match.start() in indices:
            continue
        else:
            found = _code(text, match.start()) or _slashed(text, match) or _written(text, match, tongue)
        if found is not None:
            number, place = found
            place = max(place, match.start() + 1)
            yield number


def _code(text: str, start: int) -> tuple[Number, int] | None:
    """B12, COVID-19, A380; not 21st, 10km, 1e5."""
    match = CODE.match(text, start)
    if match is None or match[0][0].isdigit() or any(sign > "\u3000" for sign in match[0]):
        return None
    return Number(match[0], start, (Reading((match[0].casefold(),)),)), match.end()


def _slashed(text: str, match: re.Match[str]) -> tuple[Number, int] | None:
    """1/2 is a half, or a thing of that name."""
    found = SLASHED.match(text, match.start())
    if found is None:
        return None
    readings = [Reading((found[0],))]
    if int(found[2]):
        readings.insert(0, Reading((str(Fraction(int(found[1]), int(found[2]))),)))
    return Number(found[0], found.start(), tuple(readings)), found.end()


def _written(text: str, match: re.Match[str], tongue: str) -> tuple[Number, int]:
    start, digits = match.start(), match["digits"] or ""
    end = match.end()
    if digits and (kept := _one_number(digits)) != digits and not match["vulgar"] and not match["power"]:
        digits, end = kept, start + len(kept)
    before = text[max(start - 24, 0) : start]
    is_version = re.fullmatch(r"\d+(?:\.\d+){2,}", digits) and not re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits)
    name = _name_before(before) if re.fullmatch(r"\d+\.\d+", digits) else ""
    is_said = name.rstrip(". ").lower() in VERSION_WORDS  # at the opening of a sentence any other word has a capital
    if is_version or is_said or (name and not OPENING.search(before[: -len(name)])):
        return Number(digits, start, (Reading((digits,)),)), end
    exponent = _exponent(match["power"] or match["tower"] or "")
    if exponent is None or len(digits) > 2000:
        return Number(match[0], start, (Reading((match[0].casefold(),)),)), end
    digits = f"0{digits}" if digits.startswith(".") else digits
    amounts = [[Fraction(1)]] if match["tower"] else _amounts(digits, tongue) if digits else [[Fraction(0)]]
    if NOUN.match(text, end):
        amounts = amounts[:1]  # 12 500 people are no 500 people
    vulgar = Fraction(VULGAR[match["vulgar"] or match["alone"]]) if match["vulgar"] or match["alone"] else Fraction(0)
    factor = Fraction(10) ** exponent
    suffix = SUFFIX.match(text, end)
    is_decade = digits.endswith("0") and len(digits) in (2, 4)  # the 1990s; else seconds
    if suffix is not None and suffix[0] not in ("", ".") and (is_decade or suffix[0].lower() not in UNIT_OF):
        end = suffix.end()
    scaled, unit, end, also = _behind(text, end, tongue)
    sign = _sign(text, start, end)
    if currency := CURRENCY.search(before):
        unit = currency[1]
    readings = [Reading((digits,))] if name else []
    for by, its in ((scaled, unit), (also, "")):
        if by:
            readings += [
                Reading(tuple(str(sign * (one + vulgar) * factor * by) for one in several), its) for several in amounts
            ]
    return Number(text[start:end], start, tuple(readings)), end


def _one_number(digits: str) -> str:
    """The part of a run of digits and separators that is one number: spaces part only groups of three."""
    parts = re.split(r"([.,'\u2019\s])", digits)
    kept = parts[0]
    for separator, group in zip(parts[1::2], parts[2::2], strict=True):
        is_point = separator in ".,"
        if not is_point and (len(group) != 3 or len(re.split(r"[.,'\u2019\s]", kept)[0]) > 3):
            break
        kept += separator + group
    return kept


def _amounts(digits: str, tongue: str) -> list[list[Fraction]]:
    """The ways of reading digits with separators, the likeliest first."""
    groups = re.split(r"[.,'\u2019\s]", digits)
    separators = re.sub(r"\d", "", digits)
    whole = Fraction("".join(groups))
    if not separators:
        return [[whole]]
    last = separators[-1]
    is_grouped = all(len(group) == 3 for group in groups[1:]) and len(groups[0]) <= 3
    if last not in ".,":
        return [[whole], [Fraction(group) for group in groups]] if " " in separators else [[whole]]
    decimal = Fraction(f"{''.join(groups[:-1])}.{groups[-1]}")
    if len(set(separators)) > 1:  # 1.234,5 or 1,234.5
        return [[decimal]]
    if len(separators) > 1:  # 1,234,567 or, in India, 12,34,567; 1,2,3 is a list
        is_list = any(len(group) not in (2, 3) for group in groups[1:])
        return [[Fraction(group) for group in groups]] if is_list else [[whole]]
    is_decimal_here = (last == ",") == (tongue in ("de", "fr"))
    return [[decimal]] if is_decimal_here or not is_grouped else [[whole]]


def _exponent(power: str) -> int | None:
    """0 where there is none, None where it is out of bounds."""
    found = re.search(r"(?:e|\^)([-+\u2212]?\d+)$|([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", power, re.IGNORECASE)
    if found is None:
        return 0
    try:
        value = int((found[1] or found[2].translate(SUPERSCRIPT)).replace("\u2212", "-"))
    except ValueError:  # 10²⁻
        return None
    return value if abs(value) <= LARGEST_EXPONENT else None


def _behind(text: str, end: int, tongue: str) -> tuple[int, str, int, int]:
    """(scale, unit, where both end, another scale that the unit may be) behind a number."""
    scale, unit, also = 1, "", 0
    while match := AFTER.match(text, end):
        word = match["sign"].lower()
        if word[:1] > "\u3000":  # Chinese: the longest unit or scale that it begins with
            word = next((word[:n] for n in (3, 2, 1) if word[:n] in UNIT_OF or word[:n] in SCALES), "")
            after = match.start("sign") + len(word)
        else:
            after = match.end()
        is_attached = match.start("sign") == end
        if word in ("m", "b") and is_attached:
            unit, also = word, {"m": 10**6, "b": 10**9}[word]
        elif word in SCALES and not unit and (word != "k" or is_attached):
            scale *= (LONG_SCALE if tongue in ("de", "fr") else {}).get(word, SCALES[word])
            end = after + (word in ("mio", "mrd") and text[after : after + 1] == ".")
            continue
        elif word in UNIT_OF and not (word == "am" and tongue == "de"):
            unit = UNIT_OF[word] + (match["power"] or "")
        elif word == "m":
            unit = f"m{match['power'] or ''}" if match["power"] else "m"
        else:
            break
        return scale, unit, after, also
    return scale, unit, end, also


def _sign(text: str, start: int, end: int) -> int:
    before = text[max(start - 8, 0) : start]
    if before[-1:] and before[-1] in MINUS and not re.search(r"(?:[^\W\u3040-\u9fff]|[.)\]%°])\Z", before[:-1]):
        return -1
    return -1 if NEGATIVE.search(before) or BELOW.match(text, end) else 1


def _name_before(before: str) -> str:
    """The capitalised word, or `version`, that a number such as 3.10 follows."""
    match = VERSION.search(before)
    return match[0] if match is not None and match[0].strip().lower() not in NO_NAMES.split() else ""


def _spelled(text: str, match: re.Match[str], tongue: str) -> tuple[Number, int] | None:
    """twenty-one, two hundred and five thousand, zwei Millionen, half a million."""
    if (fraction := _fraction(text, match.start())) is not None:
        return fraction
    total, current, count, end = Fraction(0), Fraction(0), 0, match.start()
    place = match.start()
    first = word = ""
    while count < MOST_WORDS and (found := WORD.match(text, place)):
        word = found[0].lower()
        scale = SCALES.get(word, 0) if count or word in MULTIPLES else 0
        scale = LONG_SCALE.get(word, scale) if scale and tongue in ("de", "fr") else scale
        if scale and word in MULTIPLES:
            current = (current or Fraction(1)) * scale
        elif scale:
            total, current = total + (current or 1) * scale, Fraction(0)
        elif word in WORDS and (not count or current % 100 == 0 or (WORDS[word] < 10 <= current and current % 10 == 0)):
            current += WORDS[word]
        elif not (word in ("and", "und", "et", "a") and count):
            break
        first, end = first or word, found.end() if word not in ("and", "und", "et", "a") else end
        count += 1
        place = found.end() + (text[found.end() : found.end() + 1] == " ")
    if not count or end == match.start():
        return None
    is_seldom = first in SELDOM_NUMBERS and end == match.start() + len(first)
    scaled, unit, behind, _ = _behind(text, end, tongue)
    value = (total + current) * scaled * _sign(text, match.start(), behind)
    item = text[match.start() : behind]
    return Number(item, match.start(), (Reading((str(value),), unit),), is_seldom), behind


def _fraction(text: str, start: int) -> tuple[Number, int] | None:
    """Two-thirds, three quarters, a fifth of; half of is 50% too."""
    match = FRACTION.match(text, start)
    if match is None:
        return None
    if match["parts"]:
        value = Fraction(WORDS.get(match["several"].lower(), 0), PARTS[match["parts"].lower()])
    else:
        value = Fraction(1, ONE_PART[(match["part"] or "half").lower()])
    if not value:
        return None
    return Number(match[0], start, (Reading((str(value),)), Reading((str(100 * value),), "%"))), match.end()


def _chinese(text: str, match: re.Match[str]) -> tuple[Number, int] | None:
    numeral = match["chinese"]
    if numeral[0] not in CHINESE_DIGITS and numeral[0] != "十":
        return None
    is_percent = text.endswith("百分之", 0, match.start())
    _, unit, end, _ = _behind(text, match.end(), "zh")
    value = Fraction(chinese_value(numeral)) * _sign(text, match.start(), end)
    reading = Reading((str(value),), "%" if is_percent else unit)
    is_seldom = len(numeral) == 1 and not reading.unit
    return Number(text[match.start() : end], match.start(), (reading,), is_seldom), end
