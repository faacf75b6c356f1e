"""Numbers in comparable form, and which of a text stand in its source."""

import pytest

from stages.l4_verify.number_words import chinese_value, language
from stages.l4_verify.numbers_in_text import Known, numbers


def amounts(text: str) -> list[str]:
    """The first reading of each number that is looked for, with its unit."""
    firsts = [one.readings[0] for one in numbers(text) if not one.is_seldom]
    return ["+".join(reading.amounts) + reading.unit for reading in firsts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234 people and 1234 horses", ["1234", "1234"]),
        ("12.50 or 12.5 or 12½ or 1.234", ["25/2", "25/2", "25/2", "617/500"]),
        ("$3.5 million, 3,500,000, two thousand, 20 hundred", ["3500000$", "3500000", "2000", "2000"]),
        ("5%, 5 %, 5 percent, five per cent, 5", ["5%", "5%", "5%", "5%", "5"]),
        ("twelve, twenty-one, 21st, the twelfth, thirty third", ["12", "21", "21", "12", "33"]),
        ("the 1990s and 1990, in 30 s", ["1990", "1990", "30s"]),
        ("10:30 on 2014-06-09, 10km", ["10", "30", "2014", "6", "9", "10km"]),
        ("One of them was first for a second; one hundred came", ["100"]),
        ("1. Wash.\n2) Dry 3 times.\n 12. Iron.", ["3"]),
        ("B12, H2O, v2 and someone often weighed COVID-19", ["b12", "h2o", "v2", "covid-19"]),
        ("10 000, 10\u202f000, 10'000, 12,34,567", ["10000", "10000", "10000", "1234567"]),
        ("1,2,3 and in 2014 100 came", ["1+2+3", "2014", "100"]),
        ("½, 0.5, 1/2, 3/0", ["1/2", "1/2", "1/2", "3/0"]),
        ("-5, −7, minus 3, 5 below zero, 1914-1918, 5–7", ["-5", "-7", "-3", "-5", "1914", "1918", "5", "7"]),
        ("1e-5, 1.5 × 10^8, 10¹³, 2 x 10⁻³", ["1/100000", "150000000", "10000000000000", "1/500"]),
        ("1e999999 is written", ["1e999999"]),
        ("Python 3.10, version 1.2.3, 192.168.0.1, In 3.10", ["3.10", "1.2.3", "192.168.0.1", "31/10"]),
        ("two dozen, two hundred and five thousand, twenty five", ["24", "205000", "25"]),
        ("5 km² and 5 km, 3 miles, 20 °C", ["5km²", "5km", "3mi", "20°C"]),
        ("1,8 Millionen der Leute und 1.234 in der Stadt, 2 Mrd. Euro", ["1800000", "1234", "2000000000€"]),
        ("le prix est de 1,5 euros et quatre-vingt-dix dans la ville", ["3/2€", "90"]),
        ("三百二十万人，零下5度，百分之五，２０１４年，35万元", ["3200000", "-5°", "5%", "2014", "350000¥"]),
        (".5% and 0.5%, the end.5 came, -.25", ["1/2%", "1/2%", "5", "-1/4"]),
        ("two-thirds, three quarters, a third of it, half of it, a third man", ["2/3", "3/4", "1/3", "1/2", "3"]),
        ("zwei Drittel der Leute und drei Viertel in der Stadt", ["2/3", "3/4"]),
        ("5 lakh, 2.5 crore, 1 lakh crore", ["500000", "25000000", "1000000000000"]),
        ("at 2:30 pm, 9 a.m. and 3pm", ["2", "30pm", "9am", "3pm"]),
        ("Version 3.10 came", ["3.10"]),
        ("", []),
    ],
)
def test_numbers_in_comparable_form(text: str, expected: list[str]):
    assert amounts(text) == expected


WRONG = [
    ("The temperature fell to -5 degrees.", "It fell to 5 degrees."),
    ("Der Preis stieg auf 1,8 Millionen Euro in der Stadt.", "In der Stadt stieg er auf 1,5 Millionen Euro."),
    ("It weighs 1e-5 grams.", "It weighs 1e5 grams."),
    ("He paid 5m to Apple.", "He paid 5 to Apple."),
    ("It needs Python 3.10.", "It needs Python 3.1."),
    ("It is version 2.4.1 now.", "It is version 2.4.7 now."),
    ("The host is 10.0.0.12.", "The host is 10.0.0.1."),
    ("It has 12 345 678 people.", "It has 12 345 679 people."),
    ("It has 12,345,678 people.", "It has 12,345 people."),
    ("About 3 × 10^8 metres.", "About 3 × 10^6 metres."),
    ("Take 1½ cups.", "Take 1 cup."),
    ("12345678901234567890123456789012 in all.", "12345678901234567890123456789013 in all."),
    ("A rise of 5%.", "A rise of 5."),
    ("A rise of 5.", "A rise of 5%."),
    ("It is 5 km long.", "It is 5 miles long."),
    ("It costs $5.", "It costs €5."),
    ("An Airbus A380 landed.", "An Airbus A340 landed."),
    ("Two dozen came.", "Two hundred came."),
    ("Twenty-one came.", "Twenty-two came."),
    ("人口为三百二十万。", "人口为三百三十万。"),
    ("人口为35万。", "人口为35亿。"),
    ("It was 2 million.", "It was 2 billion."),
    ("A field of 5 km².", "A field of 5 km."),
    ("Il mesure 1,75 m dans la salle.", "Il mesure 1,57 m dans la salle."),
    ("It rose by 1,234.", "It rose by 1.234."),
    ("It rose by .5%.", "It rose by 5%."),
    ("It cost 5 lakh.", "It cost 5 crore."),
    ("Two-thirds voted.", "Three-quarters voted."),
    ("Half of them voted.", "A third of them voted."),
    ("Ein Drittel und zwei Drittel der Leute.", "Drei Viertel der Leute."),
    ("It opens at 2:30 pm.", "It opens at 2:30 am."),
    ("It opens at 9 a.m. sharp.", "It opens at 9 p.m. sharp."),
    ("12 500 people came.", "500 people came."),
    ("12 500 people came.", "12 people came."),
    ("Version 3.10 is out.", "It is version 3.1 now."),
]
RIGHT = [
    ("10 000 came.", "10,000 came."),
    ("½ of it.", "0.5 of it."),
    ("Two dozen eggs.", "24 eggs."),
    ("24 eggs.", "Two dozen eggs."),
    ("Twelve people.", "12 people."),
    ("One of the towns.", "1 of the towns."),
    ("The first of May.", "1 May."),
    ("Half a million people.", "500,000 people."),
    ("half of them", "1/2 of them"),
    ("It fell to -5 degrees.", "It fell to 5 degrees below zero."),
    ("It fell to −5 degrees.", "It fell to minus five degrees."),
    ("Between 40 and 50 km.", "From 40 km to 50 km."),
    ("It is 5 km long.", "Its length is 5 kilometres."),
    ("It is 5 km long.", "Its length is 5."),
    ("$3.5 million", "3,500,000 dollars"),
    ("He paid 5m.", "He paid 5 million."),
    ("3 × 10^8 metres", "300,000,000 metres"),
    ("The 1990s.", "From 1990 on."),
    ("Der Preis stieg auf 1,8 Millionen in der Stadt.", "1.800.000 war der Preis in der Stadt."),
    ("Die Stadt hat einundzwanzig Brücken und der Ort 3.", "21 Brücken und 3."),
    ("La ville est grande et a vingt-deux ponts dans le centre.", "22 ponts."),
    ("人口为三百二十万。", "人口为320万。"),
    ("占百分之五。", "占5%。"),
    ("In 2013/14 it rose.", "In 2013 it rose."),
    ("It needs Python 3.10.", "Python 3.10 is needed."),
    ("Take 1½ cups.", "Take 1.5 cups."),
    ("It rose by .5%.", "It rose by 0.5 percent."),
    ("It cost 5 lakh.", "It cost 500,000."),
    ("Three quarters of them voted.", "75% of them voted."),
    ("50% of them voted.", "Half of them voted."),
    ("A third of May was cold.", "One-third of May was cold."),
    ("It opens at 3 in the afternoon.", "It opens at 3 pm."),
    ("It opens at 3 p.m. today.", "It opens at 3 today."),
    ("The rooms 100 200 300.", "Rooms 100, 200 and 300."),
    ("The third of May.", "The 3rd of May."),
]


def found(source: str, text: str) -> bool:
    tongue = language(source)
    known = Known(source, tongue)
    return all(known.find(number) is not None for number in numbers(text, tongue) if not number.is_seldom)


@pytest.mark.parametrize(("source", "text"), WRONG)
def test_another_number_is_not_in_the_source(source: str, text: str):
    assert not found(source, text)
    assert found(source, source)


@pytest.mark.parametrize(("source", "text"), RIGHT)
def test_the_same_number_in_another_form_is(source: str, text: str):
    assert found(source, text)


def test_the_place_in_the_source_is_told():
    (number,) = numbers("12 towns")
    assert Known("There were twelve towns.", "en").find(number) == 11


def test_chinese_numerals():
    assert [chinese_value(one) for one in ("十", "十二", "二百零五", "三万五千", "一亿二千万", "二〇一四", "两千")] == [
        10, 12, 205, 35_000, 120_000_000, 2014, 2000,
    ]  # fmt: skip


def test_the_language_by_its_commonest_words():
    assert [language(text) for text in ("Der Hund und die Katze", "le chat et la souris", "the cat", "…")] == [
        "de", "fr", "en", "en",
    ]  # fmt: skip
