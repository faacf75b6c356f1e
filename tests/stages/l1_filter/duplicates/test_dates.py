"""The forms of dates that `keep: oldest` reads, and what it does with those it cannot."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l1_filter.duplicates.dates import START, minutes_of
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates

NEW_YEAR, NOON, EVENING = "2018-01-01 00:00", "2018-01-01 12:00", "2018-01-01 15:00"
READ = {
    "2018": NEW_YEAR,
    "2018-01": NEW_YEAR,
    "2018-01-01": NEW_YEAR,
    " 2018-1-1 ": NEW_YEAR,
    "2018/01/01": NEW_YEAR,
    "2018.01.01": NEW_YEAR,
    "2018-01-01T12:00": NOON,
    "2018-01-01 12:00:59": NOON,
    "2018-01-01T12:00:00.123456789Z": NOON,
    "2018-01-01T14:00:00+02:00": NOON,
    "2018-01-01 07:00:00 -0500": NOON,
    "2018-01-01 07:00:00 −05": NOON,
    "2018-01-01T12:00:00+00:00[Etc/UTC]": NOON,
    "2018-01-01 12:00 UTC": NOON,
    "2017-12-31T24:00": NEW_YEAR,
    "20180101": NEW_YEAR,
    "20180101120000": NOON,
    "201801011200": NOON,
    "20180101T120000Z": NOON,
    "1514764800": NEW_YEAR,
    "1514764800.25": NEW_YEAR,
    "1.5147648e+09": NEW_YEAR,
    "1514764800000": NEW_YEAR,
    "1514764800000000": NEW_YEAR,
    "1514764800000000000": NEW_YEAR,
    "Mon, 01 Jan 2018 12:00:00 GMT": NOON,
    "1 Jan 2018 13:00 +0100": NOON,
    "Monday, 01-Jan-18 12:00:00 GMT": NOON,
    "Mon Jan  1 12:00:00 2018": NOON,
    "Mon Jan 01 12:00:00 UTC 2018": NOON,
    "Mon Jan 01 07:00:00 -0500 2018": NOON,
    "January 1, 2018": NEW_YEAR,
    "Jan. 1st 2018": NEW_YEAR,
    "JANUARY 2018": NEW_YEAR,
    "Monday, January 1, 2018 at 3:00 PM": EVENING,
    "1 Jan 2018, 3:00 p.m.": EVENING,
    "Jan 1, 2018 12:00 am": NEW_YEAR,
    "Jan 1, 2018 12:00 pm": NOON,
    "1. Januar 2018": NEW_YEAR,
    "1. Januar 2018 um 12:00 Uhr": NOON,
    "1er janvier 2018 à 12:00": NOON,
    "1 de enero de 2018": NEW_YEAR,
    "1 января 2018": NEW_YEAR,
    "2018年1月1日": NEW_YEAR,
    "2018年1月": NEW_YEAR,
    "2018년 1월 1일 12:00": NOON,
    "01.01.2018": NEW_YEAR,
    "1. 2. 2018": "2018-02-01 00:00",
    "01.02.2018 12:00": "2018-02-01 12:00",
    "13/01/2018": "2018-01-13 00:00",
    "01/13/2018 12:00 PM": "2018-01-13 12:00",
    "2/2/2018": "2018-02-02 00:00",
    "31-12-1871": "1871-12-31 00:00",
}
UNREAD = [
    "", "   ", "long ago", "0", "17", "01/02/2018", "1-2-2018", "01/01/18", "2018-13-01", "2018-02-30", "Jan", "+0000",
    "30. Februar 2018", "2018-01-01T25:00", "2018-01-01T12:61", "2018-01-01T24:01", "0000-00-00", "0001-01-01T00:00:00",
    "4000-01-01", "2018-W05", "20181301", "99999999999", "12:00", "Foo 1, 2018", "Jan 1, 2018 13:00 PM", "Jan 32, 2018",
    "2018-01-01/2018-02-01", "1514764800000000000000", "9" * 60, "2018-01-01" + " " * 80 + "x", "nan",
]  # fmt: skip


@pytest.mark.parametrize(("text", "moment"), READ.items())
def test_read(text: str, moment: str) -> None:
    expected = datetime.fromisoformat(f"{moment}Z") - START
    assert minutes_of(text) == expected // timedelta(minutes=1)


@pytest.mark.parametrize("text", [*UNREAD, None])
def test_not_read(text: str | None) -> None:
    assert minutes_of(text) is None


moments = st.datetimes(datetime(2002, 1, 1), datetime(2099, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
zones = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
FORMS = [
    lambda moment: moment.isoformat(),
    lambda moment: moment.isoformat(" ", "minutes"),
    lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S %z"),
    lambda moment: moment.strftime("%Y/%m/%d %H:%M:%S UTC%z"),
    lambda moment: moment.strftime("%Y%m%dT%H%M%S%z"),
    format_datetime,
    lambda moment: moment.strftime("%a %b %d %H:%M:%S %z %Y"),
    lambda moment: moment.strftime("%B %d, %Y %I:%M %p %z"),
    lambda moment: moment.strftime("%d %B %Y %H:%M %z"),
    lambda moment: moment.strftime("%d.%m.%Y, %H:%M %z"),
    lambda moment: moment.astimezone(UTC).strftime("%Y%m%d%H%M%S"),
    lambda moment: str(int(moment.timestamp())),
    lambda moment: str(moment.timestamp()),
    lambda moment: str(int(moment.timestamp()) * 1000 + 1),
    lambda moment: str(int(moment.timestamp()) * 1_000_000),
    lambda moment: str(int(moment.timestamp()) * 1_000_000_000),
]


@settings(max_examples=200)
@given(moments, zones, st.sampled_from(FORMS))
def test_every_form_of_a_moment_is_that_moment(moment, zone, form) -> None:
    assert minutes_of(form(moment.astimezone(zone))) == (moment - START) // timedelta(minutes=1)


@settings(max_examples=200)
@given(st.text(st.sampled_from("0123456789-/.: ,TZ+amp年月日Janstd"), max_size=30) | st.text())
def test_nothing_raises(text: str) -> None:
    assert minutes_of(text) is None or 0 <= minutes_of(text) < 1 << 31


@pytest.mark.parametrize("step", [ExactDuplicates, NearDuplicates])
def test_the_oldest_stays_whatever_the_form(decide, step) -> None:
    text = " ".join("abcdefghijklmnopqrstuvwxyz")
    dates = ["2024-01-01", "1514764800", "Mon, 01 Jan 2018 12:00:00 GMT", "20180102", "unknown", "", None]
    rows = [{"id": str(place), "text": text, "date": date} for place, date in enumerate(dates)]
    for order in (rows, rows[::-1]):
        assert stays(decide(step(keep="oldest"), order)) == {"1"}
        assert stays(decide(step(keep="newest"), order)) == {"0"}
    assert stays(decide(step(keep="oldest"), rows[4:])) == {"4"}  # all unknown: the smallest id


def stays(found) -> set[str]:
    return {row["kept_id"] for row in found.values()}
