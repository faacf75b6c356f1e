"""Runs of words as Markdown: white space, line ends, super- and subscripts, invisible characters.

The walk over a page (blocks.py) collects the raw text of a run with the marks below where the markup means something;
`tidy` makes lines of it. The marks are control characters, which parse() (tree.py) takes out of every page.
"""

from __future__ import annotations

import re

LINE_END = "\x01"
RAISED, END_RAISED = "\x02", "\x03"
LOWERED, END_LOWERED = "\x04", "\x05"

INVISIBLE_SIGNS = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
INVISIBLE = re.compile(
    r"[\u00ad\u200b\u2060\ufeff]"  # soft hyphen, zero-width space, word joiner, byte order mark: never part of a word
    r"|(?<![^\s!-/:-@\[-`{-~])[\u200c\u200d]+"  # a joiner behind nothing it could join
    r"|(?<=[\x00-\x7f])[\u200c\u200d]+(?![^\s!-/:-@\[-`{-~])"  # and one at the end of a Latin word: typing debris
)
"""Joiners stay where writing needs them: within words, and at the end of Indic ones."""
RAISED_RUN = re.compile(f"(.?){RAISED}\\s*([^{RAISED}{END_RAISED}]*?)\\s*{END_RAISED}(?=(.?))", re.DOTALL)
LOWERED_RUN = re.compile(f"(.?){LOWERED}\\s*([^{LOWERED}{END_LOWERED}]*?)\\s*{END_LOWERED}", re.DOTALL)
SCRIPT_MARKS = re.compile(f"[{RAISED}{END_RAISED}{LOWERED}{END_LOWERED}]")
SPELLING = "st nd rd th e er re ère eme ème d de o a os as mo ma tm sm r c me mme lle gr ste dr"
ABBREVIATIONS = frozenset(SPELLING.split())
"""Raised letters that are spelling (1st, 2e, Mme, nº): without a mark they read as they should."""
SLASHES = ("/", "\u2044")


def tidy(raw: str) -> list[list[str]]:
    """The paragraphs of a run, each the list of its lines: an empty line between two line ends parts paragraphs."""
    if not raw.isascii() and INVISIBLE_SIGNS.search(raw):
        raw = INVISIBLE.sub("", raw)
    if RAISED in raw or LOWERED in raw:
        raw = SCRIPT_MARKS.sub("", LOWERED_RUN.sub(_lowered, RAISED_RUN.sub(_raised, raw)))
    if LINE_END not in raw:
        line = " ".join(raw.split())
        return [[line]] if line else []
    paragraphs: list[list[str]] = [[]]
    for piece in raw.split(LINE_END):
        if line := " ".join(piece.split()):
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return paragraphs if paragraphs[-1] else paragraphs[:-1]


def _raised(match: re.Match[str]) -> str:
    """10^13, but 1st and "word[1]"; a caret closes only what would melt into the sign behind it."""
    before, text, after = match.groups()
    if not text or not _can_bear(before) or not (text[0].isalnum() or text[0] in "+-\u2212"):
        return before + text
    if after in SLASHES and text.isdecimal() and before.isdecimal():
        return f"{before} {text}"  # 3 1/2, not 3^1/2
    if text.lower().rstrip(".") in ABBREVIATIONS or (text.isalpha() and (len(text) > 3 or " " in text)):
        return before + text
    return f"{before}^{text}" + ("^" if after.isalnum() else "")


def _lowered(match: re.Match[str]) -> str:
    """H~2~O; the 2 of 1/2 stays plain."""
    before, text = match.groups()
    if not text or not _can_bear(before):
        return before + text
    return f"{before}~{text}~"


def _can_bear(sign: str) -> bool:
    """Whether what is raised or lowered behind the sign would melt into it or belongs to it."""
    return sign.isalnum() or sign in (")", "]", "}", "|", END_RAISED, END_LOWERED)


def inline_code(text: str) -> str:
    """`text` between as many backticks as it needs."""
    text = " ".join(text.split())
    if not text:
        return ""
    if "`" not in text:
        return f"`{text}`"
    longest = max(map(len, re.findall("`+", text)))
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"
