"""JSON files that carry their own checksum, so that a changed byte is seen by whoever reads them.

The first line of the object is `"checksum": "<sha256 of all other bytes>"`. It stays a JSON object that anybody reads.
"""

from __future__ import annotations

import hashlib
import re

from pipeline.store.damage import damaged
from pipeline.store.store import Store

BEGIN = b"{\n"
SEAL = re.compile(rb'\{\n "checksum": "([0-9a-f]{64})",\n')


def seal(text: bytes) -> bytes:
    """The JSON object, whose opening brace ends its line, with its checksum."""
    if not text.startswith(BEGIN):
        raise ValueError("only a JSON object that is written over several lines can be sealed")
    return BEGIN + f' "checksum": "{hashlib.sha256(text).hexdigest()}",\n'.encode() + text[len(BEGIN) :]


def read_sealed(store: Store, path: str, data: bytes | None = None) -> bytes:
    """The JSON object without its checksum; Damaged if a byte is another one than `seal` wrote."""
    data = store.read(path) if data is None else data
    found = SEAL.match(data)
    if not found:
        raise damaged(store, path, "it does not begin with the checksum that every such file carries")
    text = BEGIN + data[found.end() :]
    if hashlib.sha256(text).hexdigest() != found[1].decode():
        raise damaged(store, path, f"its content does not have the checksum {found[1].decode()[:16]}… that it states")
    return text
