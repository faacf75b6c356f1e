"""The part of a document that a model is shown: all of it, or its beginning up to the end of a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable

SENTENCE_END = re.compile(
    r"(?<![.!?])[.!?]++[\"')\]\u2019\u201d]*+(?=\s|$)|[\u3002\uff01\uff1f]+[\u201d\u300d\u300f]*|\n"
)
CHARS_PER_TOKEN = 12
"""No natural text has longer tokens on average. Bounds what is tokenised of a book of which a page is wanted."""
LONG_SENTENCE = 300
"""Characters, of which hardly one has no end: so much is looked at first."""
FirstTokens = Callable[[str, int], int]
"""How many characters the first so many tokens of a text take; all of them if it has no more."""


def passage(text: str, max_tokens: int, first_tokens: FirstTokens) -> str:
    """The longest beginning of `text` that ends a sentence or line and has at most `max_tokens` tokens.

    Empty if not even the first sentence fits, such as a line of 25,000 characters without a full stop: the caller
    refuses the document rather than letting the model invent one.
    """
    return whole_sentences(text.strip(), first_tokens(head(text.strip(), max_tokens), max_tokens))


def head(text: str, max_tokens: int) -> str:
    """All that needs to be tokenised to find the first so many tokens."""
    return text[: max_tokens * CHARS_PER_TOKEN]


def whole_sentences(text: str, room: int) -> str:
    """The longest beginning of at most `room` characters that ends a sentence or line."""
    if room == len(text):
        return text
    end = _last_end(text, max(room - LONG_SENTENCE, 0), room) or _last_end(text, 0, room)
    return text[:end].strip()


def _last_end(text: str, start: int, room: int) -> int:
    ends = [match.end() for match in SENTENCE_END.finditer(text, start, room + 1)]  # what follows a full stop counts
    return next((end for end in reversed(ends) if end <= room), 0)
