"""The equations between plain numbers that a worked solution states, and whether they hold. Exact, never `eval`.

Read are `48/2 = 24`, `$5 x 3 = $15`, `2 apples + 3 apples = 5 apples`, `20% of 50 = 10`, `1 1/2 * 4 = 6`, chains
`2*3 = 6 = 12/2`, and GSM8K's notes `<<48/2=24>>`. An equation with a letter, or whose sides cannot be read to the end,
is left out. A right side with decimals may be rounded to them; one without may not, unless `≈`, `about` or `round` is
near, or whole things are shared out (`100/3 = 33`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
TOKEN = re.compile(
    rf"(?:(?P<number>{NUMBER})|(?P<sign>\*\*|[-+*/^()%=≈×·÷−–$€£])|(?P<word>[A-Za-z][A-Za-z'’-]*)|(?P<other>\S))"
)
NOTE = re.compile(r"<<([^<>]{1,300})>>")
ROUNDED = re.compile(r"≈|\b(?:about|round\w*|approx\w*|nearly|roughly|almost)\b", re.IGNORECASE)
SAME = {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}
OPERATORS = frozenset({*"+-*/^×·÷−–", "x", "X", "**", "of"})
LARGEST_EXPONENT, MOST_DIGITS = 64, 40


@dataclass(frozen=True, slots=True)
class Equation:
    """One stated equation: what stands there, where, and both values."""

    text: str
    start: int
    left: Fraction
    right: Fraction
    holds: bool


def equations(text: str) -> Iterator[Equation]:
    """Every equation of the text, notes first."""
    for note in NOTE.finditer(text):
        yield from _in_line(note[1], note.start(1), bool(ROUNDED.search(_line(text, note.start()))))
    plain = NOTE.sub("", text)
    start = 0
    for line in plain.splitlines(keepends=True):
        yield from _in_line(line, start, bool(ROUNDED.search(line)))
        start += len(line)


def _line(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 : (text.find("\n", place) + 1 or len(text) + 1) - 1]


def _in_line(line: str, start: int, is_rounded: bool) -> Iterator[Equation]:
    """Sides of each `=`: the longest readable run of tokens before it, and after it."""
    tokens = [(match.lastgroup or "", match[match.lastgroup or 0], match.start(match.lastgroup or 0), match.end())
              for match in TOKEN.finditer(line)]  # fmt: skip
    places = [place for place, (_, value, *_) in enumerate(tokens) if value in ("=", "≈")]
    for number, place in enumerate(places):
        before = places[number - 1] + 1 if number else 0
        after = places[number + 1] if number + 1 < len(places) else len(tokens)
        left, first = _before(tokens[before:place], number > 0)
        right, used = _after(tokens[place + 1 : after], number + 1 < len(places))
        summed = tokens[before + first : place if not number else place + 1 + used]
        if left is None or right is None or not any(value in OPERATORS for _, value, *_ in summed):
            continue  # `20 minutes = 1/3 hour`, `p = 3`: no sum
        decimals = _decimals(tokens[place + 1 : place + 1 + used])
        allowed = Fraction(1, 2 * 10**decimals) if decimals or is_rounded or tokens[place][1] == "≈" else Fraction(0)
        if is_rounded:
            allowed = max(allowed, Fraction(1), abs(left) / 100)
        sides = {value for _, value, *_ in tokens[before + first : place + used + 1]}
        off = abs(left - right)
        if tokens[place + used][1] == "%" or {"cents", "cent"} & {value for _, value, *_ in tokens[place + used :][:2]}:
            off = min(off, abs(left - 100 * right), abs(100 * left - right))  # 3/4 * 100 = 75%, $1 / 2 = 50 cents
        elif "%" in sides:
            off = min(off, abs(100 * left - right))  # 3/4 * 100% = 75
        if left.denominator != 1 and right.denominator == 1 and "/" in sides:
            allowed = max(allowed, Fraction(1))  # 100 / 3 = 33: whole things are shared out
        begin, end = tokens[before + first][2], tokens[place + used][3]
        yield Equation(line[begin:end].strip(), start + begin, left, right, off <= allowed)


Token = tuple[str, str, int, int]


def _before(tokens: list[Token], whole: bool) -> tuple[Fraction | None, int]:
    """The longest run that ends in front of the sign; all of it, in a chain."""
    for first in [0] if whole else range(max(len(tokens) - 60, 0), len(tokens)):
        if not whole and first and not _may_begin(tokens[first - 1], tokens[first]):
            continue
        value, used = Reader(tokens[first:]).read()
        if value is not None and used == len(tokens) - first:
            return value, first
    return None, 0


def _may_begin(before: Token, first: Token) -> bool:
    """An expression may begin behind a word or a stop, not in the middle of `S + 30` or of `5 - 3`."""
    is_word = before[0] == "word" and len(before[1]) > 1 and before[1].lower() not in ("of",)
    return first[1] not in "-−–+*/^)%=" and (
        is_word or before[1] in (",", ";", ":", ".", "(", "[", "!", "?") or before[0] == "other"
    )


def _after(tokens: list[Token], whole: bool) -> tuple[Fraction | None, int]:
    """The run that begins behind the sign: all of it in a chain, else one number with what belongs to it."""
    value, used = Reader(tokens).read()
    if value is None or (whole and used != len(tokens)):
        return None, 0
    if used < len(tokens) and (tokens[used][1] in "+*/^(=" or _is_letter(tokens[used], tokens[used - 1])):
        return None, 0
    return value, used


def _is_letter(token: Token, before: Token) -> bool:
    """`2x`, `4S`: a variable and no unit."""
    return token[0] == "word" and len(token[1]) == 1 and token[2] == before[3]


def _decimals(tokens: list[Token]) -> int:
    return max((len(value.partition(".")[2]) for kind, value, *_ in tokens if kind == "number"), default=0)


class Reader:
    """Reads sums of products of numbers from tokens, as far as it goes."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.place, self.depth = tokens, 0, 0

    def read(self) -> tuple[Fraction | None, int]:
        try:
            return self._sum(), self.place
        except (ValueError, ZeroDivisionError, OverflowError):
            return None, 0

    def _sign(self) -> str:
        if self.place >= len(self.tokens):
            return ""
        kind, value, *_ = self.tokens[self.place]
        if kind == "word":
            return {"x": "*", "X": "*", "of": "of"}.get(value, "")
        return SAME.get(value, value) if kind == "sign" else ""

    def _sum(self) -> Fraction:
        total = self._product()
        while (sign := self._sign()) in ("+", "-") and self._goes_on():
            self.place += 1
            part = self._product()
            total = total + part if sign == "+" else total - part
        return total

    def _goes_on(self) -> bool:
        """Behind a sign there must be more to read: a dash may end a sentence."""
        following = self.tokens[self.place + 1 : self.place + 2]
        is_word = self.tokens[self.place][0] == "word"
        return bool(following) and (following[0][0] == "number" or following[0][1] in ("($€£" if is_word else "($€£-+"))

    def _product(self) -> Fraction:
        total = self._power()
        while (sign := self._sign()) in ("*", "/", "of", "(") and (sign == "(" or self._goes_on()):
            self.place += sign != "("
            part = self._fraction() if sign == "/" else self._power()
            total = total / part if sign == "/" else total * part
            if abs(total.numerator) > 10**MOST_DIGITS:
                raise OverflowError
        return total

    def _fraction(self) -> Fraction:
        """What `/` divides by: in `25 / 1/3` a third, since it is written closely."""
        part = self.tokens[self.place - 1 : self.place + 3]
        is_close = len(part) == 4 and [value for _, value, *_ in part[::2]] == ["/", "/"] and part[0][3] < part[1][2]
        if is_close and part[1][3] == part[2][2] and part[2][3] == part[3][2] and part[3][0] == "number":
            top, _, below = self._power(), self._sign(), self.place
            self.place = below + 1
            return top / self._power()
        return self._power()

    def _power(self) -> Fraction:
        base = self._value()
        if self._sign() == "^":
            self.place += 1
            exponent = self._value()
            if exponent.denominator != 1 or abs(exponent) > LARGEST_EXPONENT or abs(base.numerator) > 10**6:
                raise OverflowError
            base = base ** int(exponent)
        return base

    def _value(self) -> Fraction:
        sign = self._sign()
        if sign in ("-", "+"):
            self.place += 1
            return -self._value() if sign == "-" else self._value()
        if sign in ("$", "€", "£"):
            self.place += 1
            return self._value()
        if sign == "(":
            self.place, self.depth = self.place + 1, self.depth + 1
            if self.depth > 20:
                raise ValueError
            value = self._sum()
            if self._sign() != ")":
                raise ValueError
            self.place, self.depth = self.place + 1, self.depth - 1
            return self._unit(value)
        if self.place >= len(self.tokens) or self.tokens[self.place][0] != "number":
            raise ValueError
        digits = self.tokens[self.place][1].replace(",", "")
        if digits[0] == "0" and digits[1:2].isdigit():
            raise ValueError  # 0900: a time or a code
        if len(digits) > MOST_DIGITS:
            raise OverflowError
        self.place += 1
        return self._unit(self._mixed(Fraction(digits)))

    def _mixed(self, whole: Fraction) -> Fraction:
        """1 1/2 is one and a half."""
        part = self.tokens[self.place : self.place + 3]
        is_fraction = [kind for kind, *_ in part] == ["number", "sign", "number"] and part[1][1] == "/"
        if is_fraction and whole.denominator == 1 and all(part[n][1].isdigit() for n in (0, 2)) and int(part[2][1]):
            self.place += 3
            return whole + Fraction(int(part[0][1]), int(part[2][1]))
        return whole

    def _unit(self, value: Fraction) -> Fraction:
        """A percent sign counts; a word or two in front of a sign is what is counted ("5 red apples + 3")."""
        if self._sign() == "%":
            self.place += 1
            return value / 100
        for words in (1, 2, 3):
            here, after = self.tokens[self.place : self.place + words], self.tokens[self.place + words :][:1]
            if len(here) < words or any(kind != "word" or text in ("x", "X", "of") for kind, text, *_ in here):
                break
            is_variable = len(here[0][1]) == 1 and here[0][1] not in "gmLls"
            if not is_variable and (not after or after[0][1] in (*"+-*/)=≈×÷−–", "x")):
                self.place += words
                break
        return value
