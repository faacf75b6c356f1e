"""The part of a document that a model is shown: all of it, or its beginning up to the end of a sentence."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence

SENTENCE_END = re.compile(
    r"(?<![.!?])[.!?]++[\"')\]\u2019\u201d]*+(?=\s|$)|[\u3002\uff01\uff1f]+[\u201d\u300d\u300f]*|\n"
)
USUAL_PER_TOKEN = 4.5
"""Characters of English: where to look first."""
CHARS_PER_TOKEN = 12
"""No natural text has longer tokens on average. Bounds what is tokenised of a book of which a page is wanted."""


def passage(text: str, max_tokens: int, count_tokens: Callable[[str], int]) -> str:
    """The longest beginning of `text` that ends a sentence or line and has at most `max_tokens` tokens.

    Empty if not even the first sentence fits, such as a line of 25,000 characters without a full stop: the caller
    refuses the document rather than letting the model invent one.
    """
    text = text.strip()
    window = text[: max_tokens * CHARS_PER_TOKEN]
    if len(window) == len(text) and count_tokens(text) <= max_tokens:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(window)]
    fitting = _fitting(text, ends, max_tokens, count_tokens)
    return text[: ends[fitting - 1]].strip() if fitting else ""


def _fitting(text: str, ends: Sequence[int], max_tokens: int, count_tokens: Callable[[str], int]) -> int:
    """How many of these ends of sentences lie within `max_tokens`, which are most of the time that a request costs.

    The next look is where the last one's characters per token say that the limit is, so that two or three are enough.
    """
    fits, too_many, per_token = 0, len(ends) + 1, USUAL_PER_TOKEN
    while too_many - fits > 1:
        guess = bisect.bisect_right(ends, max_tokens * per_token)
        place = min(max(guess, fits + 1), too_many - 1)
        end = ends[place - 1]
        tokens = count_tokens(text[:end])
        per_token = end / max(tokens, 1)
        if tokens <= max_tokens:
            fits = place
        else:
            too_many = place
    return fits
