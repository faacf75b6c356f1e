"""When a document was written, from the forms in which sources write dates: for `keep: oldest` and `newest`.

| form | examples |
|---|---|
| ISO 8601 and alike | `2018-01-01T12:00:00.5Z`, `2018-01-01 12:00 +0200`, `2018/1/1`, `2018-01`, `2018` |
| archives | `20180101120000` (14 digits, as in WARC and CDX), `20180101` |
| seconds since 1970 | `1514764800`, with a fraction, or in ms, us or ns by the number of digits |
| mail and HTTP | `Mon, 01 Jan 2018 12:00:00 GMT`, `Monday, 01-Jan-18 …`, `Mon Jan  1 12:00:00 2018` |
| written | `January 1, 2018`, `1er janvier 2018 à 12:00`, `1. März 2018`, `2018年1月1日` |
| day and month as numbers | `01.02.2018` (day first, as all do who write points); `13/01/2018`, `01/13/2018` |

A part that is missing is the first one (`2018` is its 1 January, 0:00). A time without a zone is UTC, and so is one of
a zone that is named but not as a number (CET). What has two readings (`01/02/2018`), two digits for a year, or a year
outside 1000 to 3999 cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(1000, 1, 1, tzinfo=UTC)
YEARS = range(1000, 4000)
TIME = r"(?P<hour>\d{1,2}):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\b\.?)?"
ZONE = r"(?:(?:UTC|GMT)?(?P<sign>[+\u2212-])(?P<zone>\d\d(?::?\d\d)?)|[A-Z]{1,5})(?:\[[\w/+-]*\])?"
AFTER = rf"(?:(?:T|\s*,?\s+(?:at|um|à|a las|alle|às|om|kl\.?|-|\u2013)?\s*){TIME}\s*(?:{ZONE})?)?"
ISO = re.compile(rf"(?P<year>\d{{4}})(?:(?P<sep>[-/.])(?P<month>\d\d?)(?:(?P=sep)(?P<day>\d\d?){AFTER})?)?", re.I)
COMPACT = re.compile(
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:T?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?\s*(?:{ZONE})?)?",
    re.I,
)
EPOCH = re.compile(r"\d{9,10}(?:\.\d*)?|\d{12,13}|\d{15,16}|\d{18,19}|\d(?:\.\d+)?e\+?0?[89]", re.I)
NUMBERS = re.compile(rf"(?P<one>\d\d?)(?P<sep>[-/.])\s?(?P<two>\d\d?)(?P=sep)\s?(?P<year>\d{{4}}){AFTER}", re.I)
DAY = r"(?P<day>\d\d?)(?:st|nd|rd|th|er|º|\.)?"
MONTH = r"(?P<month>[^\W\d_]{3,12})\.?"
WEEKDAY = r"(?:[^\W\d_]{2,14}\.?,?\s+)?"
DAY_FIRST = re.compile(rf"{WEEKDAY}{DAY}[\s-]+(?:of\s+|de\s+)?{MONTH}(?:\s+de|,)?[\s-]+(?P<year>\d{{4}}){AFTER}", re.I)
MONTH_FIRST = re.compile(rf"{WEEKDAY}{MONTH}\s+{DAY},?\s+(?P<year>\d{{4}}){AFTER}", re.I)
MONTH_ONLY = re.compile(rf"{MONTH},?(?:\s+de)?\s+(?P<year>\d{{4}})", re.I)
UNIX = re.compile(rf"[a-z]{{3}}\s+{MONTH}\s+{DAY}\s+{TIME}\s+(?:{ZONE}\s+)?(?P<year>\d{{4}})", re.I)
EAST_ASIA = re.compile(
    rf"(?P<year>\d{{4}})\s*[年년](?:\s*(?P<month>\d\d?)\s*[月월](?:\s*(?P<day>\d\d?)\s*[日일](?:\s*{TIME})?)?)?", re.I
)
NAMES = """
jan january janvier janv januar jänner enero gennaio janeiro januari styczeń stycznia января
feb february février févr februar feber febrero febbraio fevereiro februari luty lutego февраля
mar march mars märz mär mrz marzo março maart marzec marca марта
apr april avril avr abril aprile kwiecień kwietnia апреля
may mai mayo maggio maio mei maj maja мая
jun june juin juni junio giugno junho czerwiec czerwca июня
jul july juillet juil juli julio luglio julho lipiec lipca июля
aug august août agosto augustus sierpień sierpnia августа
sep sept september septembre septiembre settembre setembro wrzesień września сентября
oct october octobre oktober okt octubre ottobre outubro październik października октября
nov november novembre noviembre novembro ноября
dec december décembre déc dezember dez diciembre dicembre dezembro grudzień grudnia декабря
"""  # fmt: skip
MONTHS = {name: month for month, names in enumerate(NAMES.split("\n")) for name in names.split()}


def minutes_of(text: str | None) -> int | None:
    """Minutes from the year 1000 to this date, 31 bits; None if it cannot be read."""
    if not text or len(text := text.strip()) > 80:
        return None
    try:
        moment = _usual(text) or _moment(text)
    except (ValueError, OverflowError, IndexError):  # a 30 February, a 25th hour; the mail parser's own troubles
        return None
    if moment is None or moment.year not in YEARS:
        return None
    return (moment - START) // timedelta(minutes=1)


def _usual(text: str) -> datetime | None:
    """The usual form, `2018-01-01T12:00:00Z`, ten times as fast as by its pattern."""
    if len(text) < 16 or text[4] != "-" or text[10] not in "T ":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    for form, read in FORMS:
        if match := form.fullmatch(text):
            return read(match)
    return _mail(text)


def _by_name(match: re.Match[str]) -> datetime | None:
    """A date of named parts."""
    part = match.groupdict()
    month = part.get("month") or "1"
    number = int(month) if month.isdigit() else MONTHS.get(month.lower())
    if number is None:
        return None
    day = datetime(int(part["year"]), number, int(part.get("day") or 1), tzinfo=UTC)
    hour, minute = int(part.get("hour") or 0), int(part.get("minute") or 0)
    if half := part.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower().startswith("p") else 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    return day + timedelta(hours=hour, minutes=minute) - _zone(part.get("sign"), part.get("zone"))


def _zone(sign: str | None, zone: str | None) -> timedelta:
    if not zone:
        return timedelta()
    digits = zone.replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return offset if sign == "+" else -offset


def _day_and_month(match: re.Match[str]) -> datetime | None:
    one, two = int(match["one"]), int(match["two"])
    if match["sep"] != "." and one != two and one <= 12 and two <= 12:
        return None
    day, month = (one, two) if match["sep"] == "." or one > 12 else (two, one)
    written = match.group()
    moved = f"{match['year']}-{month:02d}-{day:02d}{written[match.end('year') :]}"
    found = ISO.fullmatch(moved)
    return _by_name(found) if found else None


def _epoch(match: re.Match[str]) -> datetime:
    value = float(match.group())
    while value >= 1e11:
        value /= 1000
    return datetime.fromtimestamp(value, UTC)


def _mail(text: str) -> datetime | None:
    from email.utils import parsedate_tz

    part = parsedate_tz(text)
    if part is None:
        return None
    return datetime(*part[:5], tzinfo=UTC) - timedelta(seconds=part[9] or 0)


FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], datetime | None]], ...] = (
    (ISO, _by_name),
    (COMPACT, _by_name),
    (EPOCH, _epoch),
    (NUMBERS, _day_and_month),
    (UNIX, _by_name),
    (DAY_FIRST, _by_name),
    (MONTH_FIRST, _by_name),
    (MONTH_ONLY, _by_name),
    (EAST_ASIA, _by_name),
)
