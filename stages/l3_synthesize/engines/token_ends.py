"""Where the first so many tokens of many texts end, by a compiled loop: a fifth of what the library takes.

Every document is measured before it is asked about, and most of what that costs is the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline.kernels.tokens.chunks import cut
from pipeline.kernels.tokens.encoder import Encoder
from pipeline.kernels.tokens.seams import SPACES, added_contents, find_seams, left_sides
from pipeline.kernels.utf8 import text_buffers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SEAMS = SPACES + "\uff0c\u3002\u3001"
"""Enough to make short chunks of all languages; the tokenizer is asked thousands of questions about each."""


class TokenEnds:
    """Counts tokens chunk by chunk, where no token reaches across; of texts in which nothing is spelled as a control
    token."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        added = added_contents(tokenizer)
        self._tokenizer, self._encoder = tokenizer, Encoder(tokenizer, added)
        self._seams = find_seams(tokenizer, added, SEAMS) if self._encoder.is_compiled else None

    @property
    def is_compiled(self) -> bool:
        """Whether the tokenizer is of the kind that this is of use for: byte-level BPE that cuts in front of spaces."""
        return self._seams is not None and bool(self._seams.any())

    def first(self, texts: Sequence[str], number: int) -> list[tuple[int, int]]:
        """(tokens, where in the text the first one too many begins: its length if there is none) of each text."""
        assert self._seams is not None
        data, offsets = text_buffers(pa.array(texts, pa.string()))
        cuts, first = cut(data, offsets, self._seams, left_sides())
        chunks = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(data))
        ends, counts = self._encoder.token_ends(chunks)
        tokens = np.concatenate([[0], np.cumsum(counts)])
        found: list[tuple[int, int]] = []
        for place, text in enumerate(texts):
            own = tokens[first[place] : first[place + 1] + 1] - tokens[first[place]]
            count, end = int(own[-1]), len(text)
            if count > number:
                chunk = int(np.searchsorted(own, number, "right")) - 1
                at = int(first[place]) + chunk
                last = int(tokens[first[place]]) + number - 1
                inside = int(ends[last]) if last >= tokens[at] else 0
                if inside >= 0:  # a token may end within a character, which then is one too many
                    end = len(data[offsets[place] : cuts[at] + inside].tobytes().decode(errors="ignore"))
                else:
                    before = data[offsets[place] : cuts[at]].tobytes().decode()
                    encoding = self._tokenizer.encode(chunks[at].as_py(), add_special_tokens=False)
                    end = len(before) + encoding.offsets[number - int(own[chunk])][0]
            found.append((count, end))
        return found
