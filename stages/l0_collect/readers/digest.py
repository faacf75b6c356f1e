"""Digests as WARC headers give them: `algorithm:value`, the value in base 16, 32 or 64."""

from __future__ import annotations

import base64
import binascii
import hashlib

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")


def matches(data: bytes, digest: str) -> bool | None:
    """Whether the data has the digest; None if that cannot be told, its algorithm or its form being unknown."""
    label, _, value = digest.strip().partition(":")
    algorithm = label.strip().lower().replace("-", "")
    if algorithm not in ALGORITHMS:
        return None
    value = value.partition(",")[0].strip()
    found = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    expected = _decoded(value, len(found))
    return None if expected is None else expected == found


def _decoded(value: str, size: int) -> bytes | None:
    """The value's bytes in the base that gives so many of them."""
    bare = value.rstrip("=")
    padded32 = bare.upper() + "=" * (-len(bare) % 8)
    padded64 = bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)
    for decode, text in ((bytes.fromhex, value), (base64.b32decode, padded32), (base64.b64decode, padded64)):
        try:
            found = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(found) == size:
            return found
    return None
