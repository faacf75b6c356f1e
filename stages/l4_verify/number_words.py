"""Words for numbers, scales and units in English, German, French and Chinese: what `numbers_in_text` reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
GERMAN = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"
FRENCH = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
)
FRENCH_TENS = {"vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "quatre-vingt": 80}

TEN = {word: 10 * number for number, word in enumerate(TENS.split(), start=2)}


def _words() -> dict[str, int]:
    found = {word: number for words in (ORDINALS, FRENCH, GERMAN, ENGLISH) for number, word in enumerate(words.split())}
    found |= {f"{ten}-{one}": TEN[ten] + n for ten in TEN for n, one in enumerate(ENGLISH.split()[1:10], 1)}
    found |= {f"{ten}-{one}": TEN[ten] + n for ten in TEN for n, one in enumerate(ORDINALS.split()[1:10], 1)}
    german = ["ein", *GERMAN.split()[2:10]]
    for number, ten in enumerate(GERMAN_TENS.split(), start=2):
        found[ten] = 10 * number
        found |= {f"{one}und{ten}": 10 * number + n for n, one in enumerate(german, 1)}
    french = FRENCH.split()
    for ten, value in FRENCH_TENS.items():
        last = 20 if value in (60, 80) else 10
        found |= {ten: value, f"{ten}s": value, f"{ten}-et-un": value + 1, f"{ten}-et-onze": value + 11}
        found |= {f"{ten}-{french[n]}": value + n for n in range(1, last)}
    return found | TEN | _german_compounds(found) | TIMES | {"dozen": 12, "dutzend": 12, "douzaine": 12}


TIMES = {"twice": 2, "thrice": 3, "zweimal": 2, "dreimal": 3}


def _german_compounds(below: Mapping[str, int]) -> dict[str, int]:
    """zweihundert, neunzehnhundertachtzig, dreitausend: German writes them as one word. `below`: those of up to 99."""
    names = {word: below[word] for word in (*GERMAN.split(), *GERMAN_TENS.split())}
    names |= {word: number for word, number in below.items() if "und" in word and 20 < number < 100}
    names = {"ein": 1} | {word: number for word, number in names.items() if number > 1 or word == "eins"}
    heads = {word: number for word, number in names.items() if 1 <= number < 20 and word != "eins"} | {"": 1}
    hundreds = {f"{head}hundert{word}": 100 * by + number for head, by in heads.items()
                for word, number in (names | {"": 0}).items() if word != "ein"}  # fmt: skip
    thousands = {f"{head}tausend": 1000 * by for head, by in (names | hundreds).items() if head and head != "eins"}
    return {word: number for word, number in (hundreds | thousands).items() if word not in ("hundert", "tausend")}


WORDS: Mapping[str, int] = _words()
SELDOM = "twice thrice zweimal dreimal zero zeroth one first second null un six onze neuf acht dozen dutzend douzaine"
SELDOM_NUMBERS = frozenset(SELDOM.split())
"""Not looked for alone: "one of them", "a second later"; French and German words that are others too ("neuf": new,
"Acht": attention). In the source they count, so that a rewrite may say 1 for one."""
MULTIPLES = {"hundred": 100, "dozen": 12, "hundert": 100, "cent": 100, "cents": 100}
"""They multiply a word or number in front and may be followed by more."""
SCALES = {
    **MULTIPLES, "thousand": 10**3, "million": 10**6, "millions": 10**6, "billion": 10**9, "trillion": 10**12,
    "tausend": 10**3, "millionen": 10**6, "mio": 10**6, "milliarde": 10**9, "milliarden": 10**9, "mrd": 10**9,
    "billionen": 10**12, "mille": 10**3, "milliard": 10**9, "milliards": 10**9,
    "lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7,
    "bn": 10**9, "mn": 10**6, "k": 10**3, "\u5343": 10**3, "\u4e07": 10**4, "\u4ebf": 10**8,
}  # fmt: skip
LONG_SCALE = {"billion": 10**12, "billions": 10**12, "trillion": 10**18}
"""What the English words mean in German and French."""

PARTS = {
    **{f"{word}s": number for number, word in enumerate(ORDINALS.split()) if 3 <= number <= 10},
    "quarters": 4, "drittel": 3, "viertel": 4, "f\u00fcnftel": 5, "sechstel": 6, "achtel": 8, "zehntel": 10,
    "tiers": 3, "quarts": 4, "cinqui\u00e8mes": 5, "dixi\u00e8mes": 10,
}  # fmt: skip
"""What a word for a number in front makes a fraction: two-thirds, drei Viertel."""
ONE_PART = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
"""With `a` or `one` in front and `of` behind; "a third man" is none."""

UNITS = {
    "%": "% percent per-cent percents prozent pour-cent \uff05",
    "‰": "‰ promille",
    "km": "km kilometre kilometres kilometer kilometers kilometern kilomètre kilomètres \u516c\u91cc \u5343\u7c73",
    "m": "metre metres meter meters metern mètre mètres \u7c73",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter centimètre centimètres \u5398\u7c73",
    "mm": "mm millimetre millimetres millimeter millimeters millimètre millimètres \u6beb\u7c73",
    "mi": "mi mile miles meile meilen \u82f1\u91cc",
    "ft": "ft foot feet fuß pied pieds \u82f1\u5c3a",
    "in": "inch inches zoll pouce pouces \u82f1\u5bf8",
    "yd": "yd yard yards",
    "kg": "kg kilogram kilograms kilogramme kilogrammes kilogramm kilo kilos \u516c\u65a4 \u5343\u514b",
    "g": "g gram grams gramme grammes gramm \u514b",
    "mg": "mg milligram milligrams milligramme milligrammes milligramm \u6beb\u514b",
    "t": "ton tons tonne tonnes tonnen \u5428",
    "lb": "lb lbs pound pounds pfund \u78c5",
    "oz": "oz ounce ounces unze unzen",
    "l": "l litre litres liter liters litern \u5347",
    "ml": "ml millilitre millilitres milliliter milliliters \u6beb\u5347",
    "°": "° degree degrees grad degré degrés \u5ea6",
    "°C": "°c ℃ celsius \u6444\u6c0f\u5ea6",
    "°F": "°f ℉ fahrenheit \u534e\u6c0f\u5ea6",
    "s": "s sec second seconds sekunde sekunden seconde secondes \u79d2",
    "min": "min minute minutes minuten \u5206\u949f",
    "h": "h hour hours hr hrs stunde stunden heure heures \u5c0f\u65f6",
    "day": "day days tag tage tagen jour jours \u5929",
    "week": "week weeks woche wochen semaine semaines \u5468 \u661f\u671f",
    "month": "month months monat monate monaten mois \u4e2a\u6708",
    "year": "year years jahr jahre jahren an ans année années",
    "$": "$ dollar dollars usd \u7f8e\u5143",
    "€": "€ euro euros eur \u6b27\u5143",
    "£": "£ sterling gbp \u82f1\u9551",
    "¥": "¥ yen yuan cny jpy rmb \u5143 \u65e5\u5143 \u4eba\u6c11\u5e01",
    "kW": "kw kilowatt kilowatts \u5343\u74e6", "MW": "mw megawatt megawatts \u5146\u74e6",
    "V": "v volt volts \u4f0f", "Hz": "hz hertz", "kWh": "kwh",
    "byte": "byte bytes", "MB": "mb", "GB": "gb", "TB": "tb",
    "am": "am a.m. a.m", "pm": "pm p.m. p.m",
    "ha": "ha hectare hectares hektar \u516c\u9877", "acre": "acre acres",
}  # fmt: skip
UNIT_OF = {word.replace("-", " "): unit for unit, words in UNITS.items() for word in words.split()}
CHINESE_DIGITS = {
    "零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}


def chinese_value(numeral: str) -> int:
    """三百二十万 → 3200000, 二〇一四 → 2014."""
    if not set(numeral) & set(CHINESE_SCALES):
        return int("".join(str(CHINESE_DIGITS[sign]) for sign in numeral))
    total = section = digit = 0
    for sign in numeral:
        if sign in CHINESE_DIGITS:
            digit = CHINESE_DIGITS[sign]
        elif CHINESE_SCALES[sign] < 10**4:
            section += (digit or 1) * CHINESE_SCALES[sign]
            digit = 0
        else:  # 亿 multiplies all in front of it (一万亿), 万 its own section (一亿二千万)
            whole = total if sign == "亿" else 0
            total = total - whole + ((whole + section + digit) or 1) * CHINESE_SCALES[sign]
            section = digit = 0
    return total + section + digit


COMMON_WORDS = {
    "de": "der die das und ist in den von mit auf für nicht ein eine im wurde zu",
    "fr": "le la les et est des du une dans pour que qui sur avec par au",
    "en": "the and of is to a in that for was on with as by at from",
}


def language(text: str) -> str:
    """en, de or fr by their commonest words: it decides what `1.234`, `1,234` and `Billion` mean."""
    words = re.findall(r"[^\W\d_]+", text[:5000].lower())
    counts = {code: sum(word in common.split() for word in words) for code, common in COMMON_WORDS.items()}
    return max(counts, key=lambda code: (counts[code], code == "en"))
