"""The word splitter in plain Python, with regular expressions: what the compiled one is held to."""

import re
from functools import cache

import numpy as np

from pipeline.kernels.words import english


def _set(bit: int) -> str:
    """The characters with this bit, as they stand between square brackets."""
    marked = np.flatnonzero(np.diff(english.character_classes() & bit != 0, prepend=False, append=False))
    return "".join(f"\\U{first:08x}-\\U{after - 1:08x}" for first, after in marked.reshape(-1, 2).tolist())


ALPHA, LOWER, UPPER = _set(english.ALPHA), _set(english.LOWER), _set(english.UPPER)
QUOTE, ICON, HOST = _set(english.QUOTE), _set(english.INFIX), _set(english.HOST & ~english.DECIMAL)
UNITS = "|".join(map(re.escape, (*english.UNITS.split(), *english.CURRENCY)))
PREFIX = re.compile(rf"[{_set(english.PREFIX)}]|\+(?![0-9])|\.\.+|US\$|[AC]\$")
SUFFIX = re.compile(
    rf"(?:……|[{_set(english.SUFFIX)}]|\.\.+|['’][sS]|(?<=[0-9])\+|(?<=[0-9])(?:{UNITS})|(?<=°[FfCcKk])\."  # noqa: RUF001
    rf"|(?<=[{_set(english.BEFORE_STOP)}])\.|(?<=[{UPPER}][{UPPER}])\.)\Z"
)
INFIX = re.compile(
    rf"\.\.+|[{ICON}]|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[{LOWER}{QUOTE}])\.(?=[{UPPER}{QUOTE}])|(?<=[{ALPHA}]),(?=[{ALPHA}])"
    rf"|(?<=[{ALPHA}0-9])(?:-{{1,3}}|–|—{{1,2}}|~)(?=[{ALPHA}])|(?<=[{ALPHA}0-9])[:<>=/](?=[{ALPHA}])"  # noqa: RUF001
)
OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
EDGE = "[A-Za-z0-9\u00a1-\uffff]"
URL = re.compile(
    r"(?:[\w+.\-]{2,}://)?(?:\S+@)?"
    rf"(?:(?!10\.|127\.|169\.254|192\.168|172\.(?:1[6-9]|2[0-9]|3[01])\.)(?:[1-9][0-9]?|1[0-9][0-9]|2[01][0-9]|22[0-3])"
    rf"(?:\.{OCTET}){{2}}\.(?:[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-4])"
    rf"|(?:(?:{EDGE}[A-Za-z0-9\u00a1-\uffff_-]{{0,62}})?{EDGE}\.)+[{LOWER}]{{2,63}})(?::[0-9]{{2,5}})?(?:[/?#]\S*)?\Z"
)


def words(text: str) -> list[str]:
    return [word for chunk in text.split() for word in _restore(_cut(chunk, english.exceptions()))]


def _cut(chunk: str, exceptions: dict[str, tuple[str, ...]]) -> list[str]:
    """One chunk without white space, by affixes, exceptions, URLs and infixes."""
    before: list[str] = []
    after: list[str] = []
    size = -1
    while chunk and chunk not in exceptions and len(chunk) != size:
        size = len(chunk)
        prefix = PREFIX.match(chunk)
        taken = prefix.end() if prefix else 0
        if taken and chunk[taken:] in exceptions:
            before.append(chunk[:taken])
            chunk = chunk[taken:]
            break
        suffix = SUFFIX.search(chunk[taken:])
        left = taken + suffix.start() if suffix else len(chunk)
        if suffix and chunk[:left] in exceptions:
            after.append(chunk[left:])
            chunk = chunk[:left]
            break
        before += [chunk[:taken]] if taken else []
        after += [chunk[left:]] if suffix else []
        chunk = chunk[taken:left]
    if chunk in exceptions:
        middle = list(exceptions[chunk])
    elif URL.match(chunk):
        middle = [chunk]
    else:
        middle = _cut_infixes(chunk)
    return before + middle + after[::-1]


def _cut_infixes(chunk: str) -> list[str]:
    found, begun = [], 0
    for infix in INFIX.finditer(chunk):
        if infix.start() > 0:
            found += [chunk[begun : infix.start()], infix.group()]
            begun = infix.end()
    return [word for word in (*found, chunk[begun:]) if word]


@cache
def _cut_exceptions() -> dict[tuple[str, ...], tuple[str, ...]]:
    """How exceptions of several words come out without exceptions → what they should be."""
    plain = {tuple(_cut(text, {})): words for text, words in english.exceptions().items()}
    return {parts: words for parts, words in plain.items() if len(parts) > 1}


def _restore(found: list[str]) -> list[str]:
    """Longer runs first, then earlier ones; a run that overlaps another is left, and its words with it."""
    taken: set[int] = set()
    chosen = {}
    for size in range(min(len(found), 12), 1, -1):
        for first in range(len(found) - size + 1):
            words = _cut_exceptions().get(tuple(found[first : first + size]))
            if words:
                if not taken & {first, first + size - 1}:
                    chosen[first] = (size, words)
                taken |= set(range(first, first + size))
    restored: list[str] = []
    first = 0
    while first < len(found):
        size, words = chosen.get(first, (1, (found[first],)))
        restored += words
        first += size
    return restored
