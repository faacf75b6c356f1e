"""What a file looks like by its first bytes, for the line that refuses a file which is not what it is taken for."""

from __future__ import annotations

import re

MAGIC: tuple[tuple[bytes, str], ...] = (
    (rb"PAR1", "Parquet; read it with `kind: parquet`"),
    (rb"PARE", "encrypted Parquet; decrypt it first"),
    (rb"version https://git-lfs\.github\.com/spec/", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (rb"\x1f\x8b", "gzip; unpack it first"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "zstd; unpack it first"),
    (rb"\xfd7zXZ\x00", "xz; unpack it first"),
    (rb"BZh[1-9]", "bzip2; unpack it first"),
    (rb"\x04\x22\x4d\x18", "lz4; unpack it first"),
    (rb"\xff\x06\x00\x00sNaPpY", "snappy; unpack it first"),
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive; unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (rb"Rar!\x1a\x07", "a rar archive; unpack it first"),
    (rb"(?s:.{257})ustar", "a tar archive; unpack it first"),
    (rb"ARROW1|\xff\xff\xff\xff[^\x00]", "Arrow IPC; write it as Parquet"),
    (rb"ORC", "ORC; write it as Parquet"),
    (rb"Obj\x01", "Avro; write it as Parquet"),
    (rb"SQLite format 3", "an SQLite data base; write it as Parquet"),
    (rb"\x89HDF", "HDF5; write it as Parquet"),
    (rb"%PDF-", "a PDF"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "an image"),
    (rb"WARC/\d", "WARC; read it with `kind: warc`"),
    (rb"\s*<\?xml", "XML"),
    (rb"(?i:\s*(?:<!doctype html|<!--.{0,1000}?-->\s*)?<(?:html|head|body|title|meta|script|div|p|h1)\b)", "HTML"),
    (rb"(?i:\s*<!doctype html)", "HTML; perhaps a server's error page was stored under this name"),
)
PATTERNS = tuple((re.compile(pattern, re.DOTALL), what) for pattern, what in MAGIC)
TEXT = re.compile(rb"[^\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]+")
JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]\d-])")


def known_format(head: bytes) -> str:
    """The format that the first bytes belong to, with the way out; empty if they belong to none that is known."""
    return next((what for pattern, what in PATTERNS if pattern.match(head)), "")


def looks_like(head: bytes) -> str:
    """What these first bytes look like, in words that end a sentence."""
    if not head:
        return "an empty file"
    if what := known_format(head):
        return what
    if not head.strip(b"\0"):
        return "NUL bytes only, as an interrupted copy leaves them"
    if JSON.match(head):
        return "JSON; read it with `kind: jsonl`"
    if b"\0" in head[:4] and head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text in UTF-16 or UTF-32"
    if TEXT.fullmatch(head) is None:
        return "binary data of an unknown kind"
    first = head.splitlines()[0] if head.splitlines() else b""
    for separator, name in ((b"\t", "tab-separated values (TSV)"), (b",", "comma-separated values (CSV)")):
        lines = [line for line in head.splitlines()[:-1] or [first] if line.strip()][:20]
        if first.count(separator) and all(line.count(separator) >= first.count(separator) for line in lines):
            return f"{name}; write them as Parquet or JSON Lines"
    return "plain text"
