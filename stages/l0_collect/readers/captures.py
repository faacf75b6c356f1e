"""Ask an index of Common Crawl which records of its WARC files are wanted: the columnar index, or a CDX server.

Both give the same captures for the same wish, in the order of file and offset. A CDX server answers for hosts or
prefixes only; the columnar index is Parquet, of which only the row groups and columns are read that the wish needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipeline.steps import Fault
from stages.l0_collect.readers.http_ranges import HttpClient, NotThere

COLUMNS = ("url", "warc_filename", "warc_record_offset", "warc_record_length")
DIGEST = "content_digest"
MIME = ("content_mime_detected", "content_mime_type")
"""What was found in the page, else what the server said of it."""
WWW = re.compile(r"^www\d*\.")
ANSWER_BYTES = 256 << 20
"""Of one page of a CDX server; Common Crawl's have about 15,000 lines."""


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """A record of a WARC file, as an index knows it."""

    filename: str
    offset: int
    length: int
    digest: str
    """SHA-1 of the payload in base 32; empty where the index has none."""
    url: str


@dataclass(frozen=True, slots=True)
class Wish:
    """Which captures are wanted. Empty: all."""

    hosts: tuple[str, ...] = ()
    """With all hosts below them."""
    prefixes: tuple[str, ...] = ()
    """Of URLs, without the scheme; a capture of a host or of a prefix is wanted."""
    languages: tuple[str, ...] = ()
    """The first, which is the main one, of those found in the page."""
    mime: tuple[str, ...] = ()

    def takes(self, url: str, status: str, mime: str, languages: str) -> bool:
        place = url.partition("://")[2]
        host = place.partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
        return (
            status == "200"
            and (not self.mime or mime in self.mime)
            and (not self.languages or languages[:3] in self.languages)
            and (
                not (self.hosts or self.prefixes)
                or any(host == one or host.endswith(f".{one}") for one in self.hosts)
                or place.startswith(self.prefixes)
            )
        )


def from_columns(streams: Iterable[tuple[str, BinaryIO]], wish: Wish) -> set[Capture]:
    """Captures of the Parquet files of a columnar index. Raises ValueError if one has not the columns."""
    import pyarrow.dataset as ds

    found: set[Capture] = set()
    for path, stream in streams:
        fragment = ds.ParquetFileFormat().make_fragment(stream)
        names = set(fragment.physical_schema.names)
        mime = next((name for name in MIME if name in names), MIME[0])
        needed = [
            *COLUMNS,
            "fetch_status",
            *([mime] * bool(wish.mime)),
            *(["content_languages"] * bool(wish.languages)),
        ]
        needed += ["url_host_name"] * bool(wish.hosts)
        if missing := [name for name in needed if name not in names]:
            raise ValueError(f"{path} is no columnar index of Common Crawl: it has no column {', '.join(missing)}")
        chosen = [*COLUMNS, *([DIGEST] * (DIGEST in names))]
        for batch in fragment.to_batches(columns=chosen, filter=_expression(wish, mime, "url_surtkey" in names)):
            columns = [batch.column(name).to_pylist() for name in chosen]
            digests = columns[4] if DIGEST in names else [""] * len(batch)
            found.update(map(_capture, columns[1], columns[2], columns[3], digests, columns[0]))
    return found


def _expression(wish: Wish, mime: str, has_keys: bool) -> Any:
    """The wish as a filter that Parquet's statistics can answer in part: the index is sorted by `url_surtkey`."""
    import pyarrow.compute as pc

    wanted = pc.field("fetch_status") == 200
    if wish.mime:
        wanted &= pc.field(mime).isin(list(wish.mime))
    if wish.languages:
        wanted &= pc.utf8_slice_codeunits(pc.field("content_languages"), 0, 3).isin(list(wish.languages))
    places = [pc.field("url_host_name").isin(list(wish.hosts))] if wish.hosts else []
    places += [pc.ends_with(pc.field("url_host_name"), f".{host}") for host in wish.hosts]
    for prefix in wish.prefixes:
        places += [pc.starts_with(pc.field("url"), f"{scheme}://{prefix}") for scheme in ("http", "https")]
    if places:
        wanted &= _any(places)
    if places and has_keys:
        key = pc.field("url_surtkey")
        hosts = [*wish.hosts, *(prefix.partition("/")[0] for prefix in wish.prefixes)]
        ranges = [pair for host in hosts for pair in _key_ranges(host)]
        wanted &= _any([(key >= low) & (key < high) for low, high in ranges])
    return wanted


def _any(expressions: Sequence[Any]) -> Any:
    first, *rest = expressions
    for one in rest:
        first |= one
    return first


def _key_ranges(host: str) -> Iterator[tuple[str, str]]:
    """Where the keys of a host and of those below it lie: `org,example)/a`, `org,example,sub)/`, `org,example:8080)/`.

    Keys leave out a leading `www.` or `www2.`.
    """
    key = ",".join(reversed(WWW.sub("", host.partition(":")[0]).split(".")))
    yield key, f"{key}-"  # behind "," and ")"
    yield f"{key}:", f"{key};"


def from_cdx(client: HttpClient, server: str, wish: Wish) -> set[Capture]:
    """Captures that a CDX server tells of. Raises ValueError if the wish names no place."""
    places = [(host, "domain") for host in wish.hosts] + [(prefix, "prefix") for prefix in wish.prefixes]
    if not places:
        raise ValueError("a CDX server answers for hosts and prefixes only; set `hosts` or `prefixes`, or use `index`")
    found: set[Capture] = set()
    for place, match in places:
        query = {"url": place, "matchType": match, "output": "json", "filter": "status:200"}
        for page in range(_pages(client, server, query)):
            found.update(_captures(_answer(client, server, query | {"page": str(page)}), server, wish))
    return found


def _pages(client: HttpClient, server: str, query: dict[str, str]) -> int:
    told = _answer(client, server, query | {"showNumPages": "true"}).strip()
    try:
        pages = json.loads(told or b"0")
        return int(pages["pages"] if isinstance(pages, dict) else pages)
    except (ValueError, KeyError, TypeError):
        raise Fault(
            f"{server} is asked how many pages its answer has, and says {told[:80]!r}; is it a CDX server?"
        ) from None


def _answer(client: HttpClient, server: str, query: dict[str, str]) -> bytes:
    """Empty for 404, by which Common Crawl's server says that there are no captures."""
    try:
        return client.get(server, ANSWER_BYTES, query)
    except NotThere:
        return b""


def _captures(answer: bytes, server: str, wish: Wish) -> Iterator[Capture]:
    for line in answer.splitlines():
        try:
            told = json.loads(line)
            capture = _capture(told["filename"], told["offset"], told["length"], told.get("digest"), told["url"])
            facts = (
                told.get("status", ""),
                told.get("mime-detected") or told.get("mime", ""),
                told.get("languages", ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Fault(f"{server} answers with a line that is no capture: {line[:80]!r}") from None
        if wish.takes(capture.url, *facts):
            yield capture


def _capture(filename: str, offset: Any, length: Any, digest: str | None, url: str) -> Capture:
    return Capture(filename, int(offset), int(length), (digest or "").rpartition(":")[2], url)
