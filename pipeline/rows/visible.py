"""Whether a text holds anything that can be seen: not only spaces, control signs, zero-width and filler characters."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

NO_SIGNS = ("Z", "Cc", "Cf")
"""Unicode categories of separators, control and format signs."""
FILLERS = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2800, 0x2800),  # the Braille pattern without dots
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # Hangul filler, half width
    (0xE0100, 0xE01EF),  # variation selectors
)
"""First and last of the characters that show nothing, though their category says that they are signs."""
RANGES = "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in FILLERS)
VISIBLE = rf"[^\s\v\p{{Z}}\p{{Cc}}\p{{Cf}}{RANGES}]"


def has_visible(texts: pa.Array) -> pa.BooleanArray:
    """Per text whether a character of it can be seen; false for null."""
    return pc.fill_null(pc.match_substring_regex(texts, VISIBLE), False)


def is_visible(text: str) -> bool:
    """`has_visible` for one text."""
    return "!" <= text[:1] <= "~" or any(map(_shows, text))


def _shows(sign: str) -> bool:
    if sign.isspace() or unicodedata.category(sign).startswith(NO_SIGNS):
        return False
    return not any(first <= ord(sign) <= last for first, last in FILLERS)
