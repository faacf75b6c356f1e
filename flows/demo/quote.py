"""How the tour shows a text."""

from __future__ import annotations

import textwrap

CHARACTERS, WIDTH = 400, 110


def quoted(text: str, mark: str) -> str:
    """The beginning of a text, each line behind a mark."""
    return textwrap.indent(textwrap.fill(textwrap.shorten(text, CHARACTERS), WIDTH), mark)
