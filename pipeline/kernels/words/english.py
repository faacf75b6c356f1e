"""What decides where an English word ends: character classes and exceptions, as `word_rules.py` looks them up.

The rules are those of spaCy's blank English pipeline (spaCy 3.8, MIT), which datatrove's English filters use, restated
as facts: which characters are cut off a word's ends, between which a word is cut, and which strings are cut in a way
of their own (contractions, abbreviations, emoticons, times). A test compares the tables with spaCy's where spaCy is
installed. Symbols and terminal punctuation are datatrove 0.10.1's sets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

import numpy as np

from pipeline.kernels.utf8 import CODE_POINTS, SPACE, Array

LETTER = 1 << 1  # str.isalpha
WORD = 1 << 2  # letters, numbers and _ of any script: the characters of a URL's scheme
PUNCTUATION = 1 << 3  # Unicode category P: does not begin a sentence
SYMBOL = 1 << 4  # a word of these alone is not counted as a word
TERMINAL = 1 << 5  # ends a line of prose
SENTENCE_END = 1 << 6  # ends a sentence when it is a word by itself
ALPHA = 1 << 7  # letters of the scripts that the infix rules know
LOWER = 1 << 8  # of ALPHA: lower case or without case
UPPER = 1 << 9  # of ALPHA: upper case or without case
QUOTE = 1 << 10
PREFIX = 1 << 11  # cut off the front of a word
SUFFIX = 1 << 12  # cut off the end of a word
BEFORE_STOP = 1 << 13  # a full stop after it is cut off
INFIX = 1 << 14  # cut out of the middle of a word
HOST = 1 << 15  # may stand in a host name
DECIMAL = 1 << 16  # Unicode category Nd

CASED = """41-5a 61-7a c0-d6 d8-f6 f8-1bf 1c4-2af 386 388-38a 38c 38e-38f 391-3a9 3ac-3af 3b1-3c9 3cc-3ce 400-401
403-40a 40c-40d 410-451 453-45a 45c-45d 490-491 496-497 4a2-4a3 4ae-4af 4ba-4bb 4d8-4d9 4e8-4e9 1d00-1d25 1d6b-1d77
1d79-1d9a 1e00-1eff 2c60-2c7b 2c7e-2c7f a722-a76f a771-a787 a78b-a78e a790-a7b9 a7fa ab30-ab5a ab60-ab64 ff21-ff3a
ff41-ff5a"""
UNCASED = """591-5f4 620-64a 66e-6d5 6e5-6ff 750-77f 8a0-8bd 900-9ff b80-cff d80-dff 1100-137f 2e80-2fdf 2ff0-30ff
31c0-31ef 3200-4dbf 4e00-9fff ac00-d7af f900-faff fb1d-fbb1 fbd3-fd3d fd50-fdc7 fdf0-fdfb fe30-fe4f fe70-fefc
1ee00-1eebb 1f200-1f2ff 20000-2a6df 2a700-2ebef 2f800-2fa1f"""
ICONS = """a6 a9 ae b0 482 58d-58e 60e-60f 6de 6e9 6fd-6fe 7f6 9fa b70 bf3-bf8 bfa c7f d4f d79 f01-f03 f13 f15-f17
f1a-f1f f34 f36 f38 fbe-fc5 fc7-fcc fce-fcf fd5-fd8 109e-109f 1390-1399 1940 19de-19ff 1b61-1b6a 1b74-1b7c 2100-2101
2103-2106 2108-2109 2114 2116-2117 211e-2123 2125 2127 2129 212e 213a-213b 214a 214c-214d 214f 218a-218b 2195-2199
219c-219f 21a1-21a2 21a4-21a5 21a7-21ad 21af-21cd 21d0-21d1 21d3 21d5-21f3 2300-2307 230c-231f 2322-2328 232b-237b
237d-239a 23b4-23db 23e2-2426 2440-244a 249c-24e9 2500-25b6 25b8-25c0 25c2-25f7 2600-266e 2670-2767 2794-27bf
2800-28ff 2b00-2b2f 2b45-2b46 2b4d-2b73 2b76-2b95 2b98-2bc8 2bca-2bfe 2ce5-2cea 2e80-2e99 2e9b-2ef3 2f00-2fd5
2ff0-2ffb 3004 3012-3013 3020 3036-3037 303e-303f 3190-3191 3196-319f 31c0-31e3 3200-321e 322a-3247 3250 3260-327f
328a-32b0 32c0-32fe 3300-33ff 4dc0-4dff a490-a4c6 a828-a82b a836-a837 a839 aa77-aa79 fdfd ffe4 ffe8 ffed-ffee
fffc-fffd 10137-1013f 10179-10189 1018c-1018e 10190-1019b 101a0 101d0-101fc 10877-10878 10ac8 1173f 16b3c-16b3f 16b45
1bc9c 1d000-1d0f5 1d100-1d126 1d129-1d164 1d16a-1d16c 1d183-1d184 1d18c-1d1a9 1d1ae-1d1e8 1d200-1d241 1d245
1d300-1d356 1d800-1d9ff 1da37-1da3a 1da6d-1da74 1da76-1da83 1da85-1da86 1ecac 1f000-1f02b 1f030-1f093 1f0a0-1f0ae
1f0b1-1f0bf 1f0c1-1f0cf 1f0d1-1f0f5 1f110-1f16b 1f170-1f1ac 1f1e6-1f202 1f210-1f23b 1f240-1f248 1f250-1f251
1f260-1f265 1f300-1f3fa 1f400-1f6d4 1f6e0-1f6ec 1f6f0-1f6f9 1f700-1f773 1f780-1f7d8 1f800-1f80b 1f810-1f847
1f850-1f859 1f860-1f887 1f890-1f8ad 1f900-1f90b 1f910-1f93e 1f940-1f970 1f973-1f976 1f97a 1f97c-1f9a2 1f9b0-1f9b9
1f9c0-1f9c2 1f9d0-1f9ff 1fa60-1fa6d"""
SENTENCE_ENDS = """21 2e 3f 589 61f 6d4 700-702 7f9 964-965 104a-104b 1362 1367-1368 166e 1735-1736 1803 1809 1944-1945
1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 2e2e 2e3c 3002 a4ff a60e-a60f a6f3 a6f7
a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57
11047-11048 110be-110c1 11141-11143 111c5-111c6 111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c
115c2-115c3 115c9-115d7 11641-11642 1173c-1173e 11a42-11a43 11a9b-11a9c 11c41-11c42 16a6e-16a6f 16af5 16b37-16b38
16b44 1bc9f 1da88"""
MORE_TERMINALS = """61d-61e 837 839 83d-83e 17d4-17d6 17d9-17da 1b7d-1b7e 2e53-2e54 10f55-10f59 10f86-10f89 11944 11946
11ef7-11ef8 11f43-11f44 16e98"""
SYMBOLS = """0-8 b-1f 21-2f 3a-40 5b-60 7b-9f ab b4 bb 2013-2014 2019 201c-201e 2026 2236 2501 25ba 3001-3002 3008-300d
3010-3011 ff01 ff05 ff08-ff09 ff0c ff0e ff11 ff1a-ff1b ff1f ff5e"""

QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉\u2329\u232a⟦⟧"  # noqa: RUF001
AFFIXES = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪—–" + QUOTES  # noqa: RUF001
CURRENCY = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
# The set in the rule for full stops was joined with |, so that character and those of (?:) are in it too.
STOPPED = "%²-+|" + AFFIXES.replace("—", "").replace("–", "")  # noqa: RUF001

UNITS = """US$ C$ A$ % G K M T g m t г м م GB KB MB Pa TB cm dm ft gb ha in kb kg km lb mb mg mm m² m³ nm oz tb yd µg µm
ГБ Гб КБ Кб МБ Мб Па ТБ Тб гб дм кб кг км м² м³ мб мг мм нм см جم سم كغ كم م² م³ مم cm² cm³ dm² dm³ hPa kmh km² km³ m/s
mm² mm³ mph дм² дм³ кПа км² км³ м/с мм² мм³ мбар см² см³ سم² سم³ كم² كم³ كوب ملغ مم² مم³ km/h mbar км/ч тбكم جرام غرام
اكواب"""  # noqa: RUF001
"""Cut off behind a digit, as is every currency sign."""

# Stems and their endings. | separates the words of an ending; each ending is also known without its apostrophes.
CONTRACTIONS = (
    ("i", "'m 'm|a"),
    ("i you he she it we they", "'ll 'll|'ve 'd 'd|'ve"),
    ("i you we they", "'ve"),
    ("you we they", "'re"),
    ("he she it who what when where why how there that this", "'s"),
    ("who what when where why how there that this these those", "'ll 'll|'ve 'd 'd|'ve"),
    ("who what when where why how there these those", "'re 've"),
    ("ca could do does did had may might must need ought sha should wo would", "n't n't|'ve"),
    ("could might must should would not", "'ve"),
    ("ai are is was were have has dare", "n't"),
)
NO_CONTRACTIONS = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"
CUT_WORDS = """y'|all y|all how|'d|'y How|'d|'y can|not Can|not gon|na Gon|na got|ta Got|ta let|'s Let|'s c'm|on C'm|on
°|c|. °|f|. °|k|. °|C|. °|F|. °|K|."""
WHOLE_WORDS = """doin doin' Doin Doin' goin goin' Goin Goin' nothin nothin' Nothin Nothin' nuthin nuthin' Nuthin
Nuthin' ol ol' Ol Ol' somethin somethin' Somethin Somethin' lovin lovin' Lovin Lovin' havin havin' Havin Havin' em 'em
ll 'll nuff 'nuff 'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am Ma'am o'clock
O'clock 'd Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul.
Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla.
Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e.
I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. ' '' \\")
<space> C++ \\t \\n — ä. ö. ü. a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z.
:) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( :-((
:((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :*
:-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__-
v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<)
(*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>"""  # noqa: RUF001


@cache
def exceptions() -> dict[str, tuple[str, ...]]:
    """Strings that are words, or are cut into words, in a way of their own: string → its words."""
    found: dict[str, tuple[str, ...]] = {}
    cut = (tuple(entry.split("|")) for entry in CUT_WORDS.split())
    whole = ((entry,) for entry in WHOLE_WORDS.split())
    for words in chain(_contractions(), _times(), cut, whole):
        found["".join(words)] = words
        found["".join(words).replace("'", "’")] = tuple(word.replace("'", "’") for word in words)  # noqa: RUF001
    return found


def characters(ranges: str) -> Iterator[int]:
    """Code points of ranges written in hexadecimal, such as "41-5a 61"."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@cache
def character_classes() -> Array:
    """The bits of each code point, int64."""
    classes = np.zeros(CODE_POINTS, np.int64)
    for code in range(CODE_POINTS):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cn", "Co", "Cs"):
            continue
        classes[code] = (
            SPACE * character.isspace()
            + LETTER * character.isalpha()
            + WORD * (character.isalnum() or character == "_")
            + PUNCTUATION * category.startswith("P")
            + DECIMAL * (category == "Nd")
        )

    def mark(codes: Iterable[int], bits: int) -> None:
        classes[np.fromiter(codes, np.int64)] |= bits

    cased, icons, affixes = set(characters(CASED)), set(characters(ICONS)), set(map(ord, AFFIXES))
    upper = {code for code in cased if unicodedata.category(chr(code)) == "Lu"}
    lower = {code for code in cased if unicodedata.category(chr(code)) == "Ll"} | {0x294}
    titlecase_and_without = {0x1BB, 0x1C5, 0x1C8, 0x1CB, 0x1F2}
    mark(upper | {0x3A2}, UPPER | ALPHA)
    mark(lower | titlecase_and_without, ALPHA)
    mark(lower | set(map(ord, STOPPED)) | set(map(ord, "0123456789")), BEFORE_STOP)
    mark(lower, LOWER)
    mark(characters(UNCASED), ALPHA | LOWER | UPPER | BEFORE_STOP)
    mark(map(ord, QUOTES), QUOTE)
    mark(affixes | icons | set(map(ord, "§%=" + CURRENCY)), PREFIX)
    mark(affixes | icons, SUFFIX)
    mark(icons | {ord("…")}, INFIX)
    mark(characters(SYMBOLS), SYMBOL)
    mark(characters(SENTENCE_ENDS), SENTENCE_END | TERMINAL | SYMBOL)
    mark(characters(MORE_TERMINALS), TERMINAL | SYMBOL)
    mark(map(ord, "-_"), HOST)
    mark(chain(range(0x30, 0x3A), range(0x41, 0x5B), range(0x61, 0x7B), range(0xA1, 0x10000)), HOST)
    return classes


def _contractions() -> Iterator[tuple[str, ...]]:
    for stems, endings in CONTRACTIONS:
        for stem in stems.split():
            for word in (stem, stem.title()):
                for ending in endings.split():
                    for parts in (ending.split("|"), ending.replace("'", "").split("|")):
                        if word + "".join(parts) not in NO_CONTRACTIONS.split():
                            yield (word, *parts)


def _times() -> Iterator[tuple[str, ...]]:
    return ((str(hour), half) for hour in range(1, 13) for half in ("a.m.", "am", "p.m.", "pm"))
