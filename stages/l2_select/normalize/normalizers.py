"""What a quality classifier sees of a text: the same in training and in scoring.

| name      | steps                                                                  | used by                        |
|-----------|------------------------------------------------------------------------|--------------------------------|
| plain     | newlines become spaces                                                 | most fastText classifiers      |
| dclm      | stripped, each kind of line end becomes a space                        | DCLM's `fasttext_oh_eli5`      |
| ultrafine | lower case, no diacritics, the pieces of a subword tokenizer as words  | Ultra-FineWeb's classifiers    |
"""

from __future__ import annotations

import functools
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.guard import guarded

if TYPE_CHECKING:
    from stages.l2_select.normalize.ultrafine import Ultrafine

Normalizer = Literal["plain", "ultrafine", "dclm"]

LINE_ENDS = "\r\n|[\n\v\f\r\x1c-\x1e\u0085\u2028\u2029]"  # those of str.splitlines


def normalize(texts: pa.StringArray, normalizer: Normalizer, tokenizer: str | None = None) -> pa.StringArray:
    """Each text as the classifier wants it, on one line; a null becomes empty."""
    texts = pc.fill_null(texts, "")
    if normalizer == "plain":
        return pc.replace_substring(texts, "\n", " ")
    if normalizer == "dclm":
        return pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), LINE_ENDS, " ")
    if tokenizer is None:
        raise ValueError("normalizer 'ultrafine' needs a `tokenizer`: a tokenizer.json")
    return load_ultrafine(tokenizer_file(tokenizer))(texts)


def tokenizer_file(tokenizer: str) -> Path:
    """The tokenizer.json that this path is or holds."""
    path = Path(tokenizer)
    return path / "tokenizer.json" if path.is_dir() else path


def tokenizers_version() -> str:
    """Of the library that decides what `ultrafine` makes of a text; empty if it is not installed."""
    try:
        return version("tokenizers")
    except PackageNotFoundError:
        return ""


def load_ultrafine(path: Path) -> Ultrafine:
    """The normalizer with this tokenizer, loaded once per process and again if the file changes."""
    try:
        status = path.stat()
    except OSError as error:
        raise ValueError(f"tokenizer {path}: {error.strerror}; give a Hugging Face tokenizer.json") from None
    return _load_ultrafine(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=2)
def _load_ultrafine(path: Path, modified_ns: int, size: int) -> Ultrafine:
    return guarded(read_ultrafine, path)


def read_ultrafine(path: Path) -> Ultrafine:
    """The normalizer with this tokenizer. To be `guarded`: a token's number may be 2**32, and each has an entry."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ValueError("normalizer 'ultrafine' needs the package tokenizers; install the extra `ultrafine`") from None

    from stages.l2_select.normalize.ultrafine import Ultrafine  # numba takes two seconds to import

    try:
        return Ultrafine(Tokenizer.from_file(str(path)))
    except Exception as error:  # the Rust side raises plain Exception
        raise ValueError(f"tokenizer {path}: {error}; give a Hugging Face tokenizer.json") from None
