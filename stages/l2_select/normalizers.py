"""What a text looks like to a quality classifier: the same when it is trained and when it scores.

| name  | steps                                     | used by                       |
|-------|-------------------------------------------|-------------------------------|
| plain | newlines become spaces                    | most fastText classifiers     |
| dclm  | stripped; every kind of line end is a space | DCLM (`fasttext_oh_eli5`)   |
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Normalizer = Literal["plain", "ultrafine", "dclm"]


def normalize(texts: pa.StringArray, normalizer: Normalizer, tokenizer: str | None = None) -> pa.StringArray:
    """Each text as one line; a null becomes empty."""
    texts = pc.fill_null(texts, "")
    if normalizer == "dclm":
        return dclm(texts)
    return pc.replace_substring(texts, "\n", " ")


def dclm(texts: pa.StringArray) -> pa.StringArray:
    """`" ".join(text.strip().splitlines())`, as DCLM's enricher does it."""
    lines = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(texts), "\r\n|[\n\v\f\r\x1c-\x1e\u0085\u2028\u2029]", " "
    )
    return lines
