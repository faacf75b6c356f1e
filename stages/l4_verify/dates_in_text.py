"""Months in a text: the part of a date that is no number, for `faithfulness`. Days and years are compared as numbers.

3 May 1999 = May 3, 1999 = 3. Mai 1999 = 3 mai 1999 = 1999年5月3日 = 1999-05-03; 5/3/1999 may be May or March. A month
is looked for where a number stands beside it ("may" and "mars" are words, too); in the source any mention counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

NAMES = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jänner feber mrz april mai juni juli aug sept okt nov dez",
)
MONTHS = {name: number for line in NAMES for number, name in enumerate(line.split(), 1)}
_NAME = "|".join(sorted(MONTHS, key=len, reverse=True))
NAMED = re.compile(rf"(?<!\w)({_NAME})(?!\w)", re.IGNORECASE)
BESIDE = re.compile(
    rf"(?:(?<=\d[ \u00a0])|(?<=\d\.[ \u00a0])|(?<=\d\w\w[ \u00a0]))({_NAME})(?!\w)"
    rf"|(?<!\w)({_NAME})\.?,?[ \u00a0](?=\d)",
    re.IGNORECASE,
)
CHINESE = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])\u6708")
CHINESE_NAMES = "一 二 三 四 五 六 七 八 九 十 十一 十二"
CHINESE_WORDS = {name: number for number, name in enumerate(CHINESE_NAMES.split(), 1)}
CHINESE_NAMED = re.compile(r"(?<![一二三四五六七八九十个])(十[一二]?|[一二三四五六七八九])月")
ISO = re.compile(r"(?<!\d)\d{4}-(\d{2})-\d{2}(?!\d)")
NUMERIC = re.compile(r"(?<![\d./])(\d{1,2})[./](\d{1,2})[./]\d{2,4}(?!\d)")


def dated(text: str) -> Iterator[tuple[int, str, int]]:
    """(month, as written, where) of each month with a number beside it."""
    for match in BESIDE.finditer(text):
        name = next(group for group in match.groups() if group)
        if name[0].isupper() or name in NAMES[2]:  # French months have no capital
            yield MONTHS[name.lower()], name, match.start()
    for match in CHINESE.finditer(text):
        yield int(match[1]), match[0], match.start()
    for match in CHINESE_NAMED.finditer(text):
        yield CHINESE_WORDS[match[1]], match[0], match.start()


def months_in(text: str) -> dict[int, int]:
    """Every month that a source may name → where, numeric dates in both readings."""
    found: dict[int, int] = {}
    for match in NAMED.finditer(text):
        found.setdefault(MONTHS[match[1].lower()], match.start())
    for month, _, place in dated(text):
        found.setdefault(month, place)
    for match in ISO.finditer(text):
        found.setdefault(int(match[1]), match.start())
    for match in NUMERIC.finditer(text):
        for number in (int(match[1]), int(match[2])):
            found.setdefault(number, match.start())
    return found
