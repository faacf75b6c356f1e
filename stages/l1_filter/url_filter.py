"""Drop documents by their URL: blocked hosts, exact URLs, and words in the URL (FineWeb's first step).

| rule              | drops when                                                               | value, threshold |
|-------------------|--------------------------------------------------------------------------|------------------|
| domain            | the host is listed                                                       |                  |
| subdomain         | the host lies below a listed one: `example.org` blocks `a.b.example.org` |                  |
| url               | the URL is listed: host in canonical form, the rest as it is written     |                  |
| hard_banned_word  | a run of ASCII letters and digits in the URL is listed                   |                  |
| soft_banned_words | several such are listed                                                  | how many, limit  |
| banned_subword    | the URL's letters and digits, in lower case, contain a listed string     |                  |

Words are decided as datatrove 0.10.1 does: listed ones are lowered and compared with the URL as it is written. Hosts
are not: datatrove cuts out the registered domain by the public suffix list, which it downloads, and takes an entry with
more labels as that host alone; here every label of the host may be the listed one, so do not list public suffixes.
Lists and URLs are compared in one form of host names (`hosts`), where datatrove compares them as they are written:
münchen.example is xn--mnchen-3ya.example, whatever the port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from pipeline.hosts import canonical_url, host_of
from pipeline.rows.batch import Batch, BoolArray
from pipeline.steps import Filter, Judgement, Reason
from pipeline.store.shard import file_sha256
from stages.l1_filter.url_lists import LISTS, NOT_A_WORD, read_list


class UrlFilter(Filter):
    """Drop documents whose URL is on a list. Lists are text files of one entry a line; see `url_lists`.

    Rows without a URL are kept. At least one list must be given; none comes with the package.
    """

    libraries: ClassVar[tuple[str, ...]] = ("idna",)

    kind: Literal["url_filter"] = "url_filter"
    domains: str | None = None
    """File of host names, plain, as a hosts file or as adblock rules; an entry covers all hosts below it."""
    urls: str | None = None
    banned_words: str | None = None
    soft_banned_words: str | None = None
    soft_words_threshold: Annotated[int, Field(ge=1)] = 2
    """Distinct soft-banned words from which on a document is dropped."""
    banned_subwords: str | None = None

    @model_validator(mode="after")
    def _has_a_list(self) -> UrlFilter:
        if not self._paths():
            raise ValueError(f"url_filter has no list and would keep everything; give one of {', '.join(LISTS)}")
        return self

    def identity(self) -> dict[str, Any]:
        """Without the lists' paths: their content counts (`assets`), not where they lie."""
        return self.model_dump(mode="json", exclude=set(LISTS))

    def assets(self) -> Mapping[str, str]:
        self._refuse_missing()
        return {name: file_sha256(path) for name, path in self._paths().items()}

    def resolve(self) -> Iterable[str]:
        missing = self._missing()
        if not missing:
            self.prepare()
        return missing

    def prepare(self) -> None:
        self._refuse_missing()
        subwords = self._lists()["banned_subwords"]
        try:
            contain_any(pa.array(["a"]), subwords)
        except pa.ArrowInvalid as error:
            raise ValueError(
                f"url_filter: the {len(subwords)} entries of `banned_subwords` make too large a pattern ({error}); "
                "some ten thousand are possible"
            ) from None

    def judge(self, batch: Batch) -> Judgement:
        judgement, lists = Judgement(len(batch)), self._lists()
        urls = batch.column("url")
        for row, url in enumerate(urls.to_pylist()):
            if url and (reason := self._reason(url, lists)):
                judgement.drop_row(row, reason)
        judgement.drop(contain_any(urls, lists["banned_subwords"]), "banned_subword")
        return judgement

    def _reason(self, url: str, lists: Mapping[str, frozenset[str]]) -> str | None:
        if domains := lists["domains"]:
            host = host_of(url)
            if host in domains:
                return "domain"
            if any(parent in domains for parent in parents_of(host)):
                return "subdomain"
        if (urls := lists["urls"]) and canonical_url(url) in urls:
            return "url"
        words = set(NOT_A_WORD.split(url))
        if not words.isdisjoint(lists["banned_words"]):
            return "hard_banned_word"
        soft = len(words & lists["soft_banned_words"])
        if soft >= self.soft_words_threshold:
            return Reason("soft_banned_words", soft, self.soft_words_threshold)
        return None

    def _paths(self) -> dict[str, Path]:
        return {name: Path(path) for name in LISTS if (path := getattr(self, name)) is not None}

    def _missing(self) -> list[str]:
        return [
            f"url_filter: `{name}` names {path}, which is no file; correct the path"
            for name, path in self._paths().items()
            if not path.is_file()
        ]

    def _refuse_missing(self) -> None:
        if missing := self._missing():
            raise FileNotFoundError("; ".join(missing))

    def _lists(self) -> dict[str, frozenset[str]]:
        """Entries by field; read again only where a file has changed."""
        found: dict[str, frozenset[str]] = dict.fromkeys(LISTS, frozenset())
        return found | {name: read_list(path, name, path.stat().st_mtime_ns) for name, path in self._paths().items()}


def parents_of(host: str) -> list[str]:
    """The domains above a host: `a.b.org` → `b.org`, `org`. Host names have at most 127 labels (RFC 1035)."""
    labels = host.split(".")[-127:]
    return [".".join(labels[start:]) for start in range(1, len(labels))]


def contain_any(urls: pa.StringArray, subwords: frozenset[str]) -> BoolArray:
    """Which URLs, reduced to lower-case letters and digits, contain one of these? RE2 is linear in the URL."""
    if not subwords:
        return np.zeros(len(urls), np.bool_)
    bare = pc.ascii_lower(pc.replace_substring_regex(urls, NOT_A_WORD.pattern, ""))
    found = pc.match_substring_regex(bare, "|".join(sorted(subwords)))
    return np.asarray(pc.fill_null(found, False))
