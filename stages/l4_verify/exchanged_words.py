"""Where a claim nearly copies a sentence of its source, but puts a word of another place into it.

Used by `own_words.py`. A word in the place of another is a synonym where the source does not have it; where the source
has it elsewhere, the claim says of one thing what was said of another ("the value from G" for "the value from H"), or
two things have changed places.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from stages.l4_verify.claims import STEM, STOP, Sentence

TOKEN = re.compile(r"[\u4e00-\u9fff]|\w+(?:[.'’]\w+)*")
ALIKE = 0.6
"""Of two sentences' words in one order, from which on what differs is what was changed."""
LONGEST = 4
"""Words in the place of others; of longer stretches nobody can say which stands for which."""
MOST = 200
"""Words of a sentence that is compared: the comparison takes the square of them, and what is longer is no sentence."""


class Copies:
    """A source's sentences, to see what a near copy of one has exchanged."""

    def __init__(self, known: Sequence[Sentence]) -> None:
        self.known = known
        self._tokens = [_tokens(one.text) for one in known]
        self._in = Counter(token for one in self._tokens for token in set(one))

    def is_exchanged(self, claim: Sentence) -> bool:
        """Whether a claim has words of the source in the place of words that it leaves out, or two in each other's."""
        if not self.known:
            return False
        best = max(range(len(self.known)), key=lambda place: len(self.known[place].words & claim.words))
        here, said = self._tokens[best], _tokens(claim.text)
        if max(len(here), len(said)) > MOST:
            return False
        slots = list(_slots(here, said))
        for old, new in slots:
            if any(one in self._in and said.count(one) > here.count(one) for one in new) and set(old) - set(said):
                return True
        return any((new, old) in slots[number + 1 :] for number, (old, new) in enumerate(slots))


def _slots(here: Sequence[str], said: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The content words of each short stretch that stands in the place of another."""
    matcher = SequenceMatcher(None, here, said, autojunk=False)
    if matcher.ratio() < ALIKE:
        return
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "replace" and max(end - start, new_end - new_start) <= LONGEST:
            old, new = (tuple(one for one in part if one not in STOP)
                        for part in (here[start:end], said[new_start:new_end]))  # fmt: skip
            if old and new:
                yield old, new


def _tokens(text: str) -> list[str]:
    """Words by their first letters, short ones and signs whole."""
    words = (match[0].casefold() for match in TOKEN.finditer(text))
    return [word if word in STOP else word[:STEM] for word in words]
