"""Long documents in pieces: each is rewritten by itself with what came before it in view, and the answers are joined.

A document stays one request and one reply for everything around it: its pieces are asked for one by one behind it and
their answers come back as one text, with a control character between them that no answer is accepted with. Nothing of a
document is left out: a piece ends at a paragraph's end, or else a sentence's, a word's, or where the room ends.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.rows.document import content_hash
from pipeline.steps import Reply, Request
from stages.l3_synthesize.passage import CHARS_PER_TOKEN, SENTENCE_END, FirstTokens

SEAM = "\x1e"
"""Between the answers of one reply (ASCII's record separator)."""
PARAGRAPH_END, WORD_END = re.compile(r"\n\s*"), re.compile(r"\s+")
EVEN = 1.1
"""The last two pieces are about as long; the first may have so many times its half."""
ENDINGS = ((PARAGRAPH_END, 0.5), (SENTENCE_END, 0.3), (WORD_END, 0.0))
"""How a piece may end, the best first, and what share of the room it must fill to be preferred to the next."""


def pieces(text: str, max_tokens: int, first_tokens: FirstTokens) -> list[str]:
    """`text` in pieces of at most `max_tokens` tokens, of which only white space between two is lost."""
    found: list[str] = []
    text = text.strip()
    while text:
        end = _end(text, max_tokens, first_tokens)
        found.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return found


def _end(text: str, max_tokens: int, first_tokens: FirstTokens) -> int:
    room = first_tokens(text[: max_tokens * CHARS_PER_TOKEN], max_tokens)
    if room == len(text):
        return room
    if len(text) <= room + first_tokens(text[room : room + max_tokens * CHARS_PER_TOKEN], max_tokens):
        room = min(room, math.ceil(EVEN * len(text) / 2))  # no crumb is left for the last piece
    room = max(room, 1)  # a character of more tokens than there is room for goes alone
    for ending, least in ENDINGS:
        # One character more is looked at: what follows a full stop says whether it ends a sentence.
        found = ending.finditer(text, 0, room + 1)
        ends = [match.end() for match in found if match.end() <= room or match[0].isspace()]
        if ends and ends[-1] >= least * room:
            return ends[-1]
    return room


class InPieces:
    """Requests as an engine takes them: one of several pieces becomes as many. Replies go back through `take`.

    split: the requests for the pieces of a request; itself where it has one. Like the iterator that it reads from, it
    may give more after it has given none.
    """

    def __init__(self, requests: Iterable[Request], split: Callable[[Request], list[Request]]) -> None:
        self._requests, self._split = iter(requests), split
        self._queue: list[Request] = []
        self._whole: dict[str, tuple[str, int]] = {}
        """Key of a piece's request → that of the whole, and its place."""
        self._came: dict[str, list[Reply | None]] = {}

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        while not self._queue:
            request = next(self._requests)
            parts = self._split(request)
            if len(parts) > 1:
                self._came[request.key] = [None] * len(parts)
                parts = [replace(part, key=content_hash(request.key, str(n))) for n, part in enumerate(parts)]
                self._whole |= {part.key: (request.key, n) for n, part in enumerate(parts)}
            self._queue = parts
        return self._queue.pop(0)

    def take(self, reply: Reply) -> Reply | None:
        """The reply of a whole request, once all its pieces have theirs."""
        if reply.key not in self._whole:
            return reply
        key, place = self._whole.pop(reply.key)
        came = self._came[key]
        came[place] = reply
        if None in came:
            return None
        del self._came[key]
        return joined(key, [one for one in came if one is not None])


def joined(key: str, replies: list[Reply]) -> Reply:
    """One reply: the texts with seams, sums of the tokens, and the first finish that is not `stop`."""
    odd = next((reply for reply in replies if reply.finish_reason != "stop"), replies[0])
    return replace(
        odd,
        key=key,
        text=SEAM.join(reply.text.replace(SEAM, "\ufffd") for reply in replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
        cached_tokens=sum(reply.cached_tokens for reply in replies),
        seconds=max(reply.seconds for reply in replies),
    )
