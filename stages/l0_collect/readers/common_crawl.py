"""Read pages of Common Crawl by byte ranges: an index says where they lie, and nothing else is fetched.

The columns out are those of `warc`. Any server that answers HTTP ranges will do as `base`, and any index with the
columns of Common Crawl's. What is read counts by the captures that the index gave (file, offset, length, digest, URL),
not by where index and WARC files lie: so the recipe id is known before a page is fetched.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, BinaryIO, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from pipeline.rows.document import content_hash
from pipeline.steps import Reason, Source, SourceBatch, Unit, extras_of
from stages.l0_collect.readers.captures import Capture, Wish, from_cdx, from_columns
from stages.l0_collect.readers.files import open_input
from stages.l0_collect.readers.find import expand
from stages.l0_collect.readers.http_body import MAXIMUM_BODY
from stages.l0_collect.readers.http_ranges import HttpClient, NotThere, RemoteFile
from stages.l0_collect.readers.row_buffer import RowBuffer
from stages.l0_collect.readers.warc import WarcSource
from stages.l0_collect.readers.warc_records import Record, records

UNIT_BYTES = 64 << 20
UNIT_CAPTURES = 4096
GAP = 64 << 10
"""Bytes between two records that are fetched along with them: cheaper than another request."""
SPAN_BYTES = 8 << 20
"""The most that one request asks for, unless a single record is larger."""
HOST = re.compile(r"[\w-]+(\.[\w-]+)*")


class CommonCrawlSource(Source):
    """Reads the HTML pages that an index of Common Crawl names, each by its byte range.

    A capture that is not where the index says, or is another page, is quarantined as `file@offset`; what is wrong with
    server or network ends the run, which goes on from there.
    """

    kind: Literal["common_crawl"] = "common_crawl"
    libraries: ClassVar[tuple[str, ...]] = WarcSource.libraries
    schema: ClassVar[pa.Schema] = WarcSource.schema
    index: tuple[str, ...] = ()
    """Parquet files, patterns or folders of a columnar index (`…/cc-index/table/cc-main/warc/crawl=…/subset=warc/`):
    local, hf://, s3://, or files by http(s)://."""
    cdx: str = ""
    """In place of `index`: a CDX server, such as https://index.commoncrawl.org/CC-MAIN-2024-33-index."""
    base: str = Field("https://data.commoncrawl.org/", pattern=r"^https?://")
    """Where the WARC files lie that the index names."""
    hosts: tuple[str, ...] = ()
    """Pages of these hosts and of those below them."""
    prefixes: tuple[str, ...] = ()
    """Also pages whose URL begins so, whether by http or by https."""
    languages: tuple[str, ...] = ()
    """Pages mainly in one of these, by three letters (eng); the index knows it of most pages."""
    mime: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    limit: int | None = Field(None, ge=1)
    """Of the captures in the order of WARC file and offset, in which hosts are mixed, the first so many."""
    parallel: int = Field(4, ge=1, le=32)
    """Requests at once, of each worker."""
    timeout_s: float = Field(120.0, gt=0)
    """For one answer."""
    user_agent: str = "orefine"
    """Tell the server how to reach you."""
    source: str = ""
    """What to call this input in the column `source`."""
    verify_digests: bool = True
    """Quarantine pages whose block differs from their WARC-Block-Digest."""

    @field_validator("index", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("hosts", "prefixes")
    @classmethod
    def _without_scheme(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        parts = [(value.partition("://")[2] or value).partition("/") for value in values]
        return tuple(f"{host.lower()}{slash}{path}" for host, slash, path in parts)

    @field_validator("languages")
    @classmethod
    def _three_letters(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [value for value in values if not re.fullmatch("[a-z]{3}", value)]:
            raise ValueError(
                f"'{wrong[0]}' is no language of Common Crawl, which names them by three letters, as eng, deu"
            )
        return values

    @model_validator(mode="after")
    def _names_one_index(self) -> CommonCrawlSource:
        if self.paths:
            raise ValueError(
                "common_crawl reads what its index names; give the index as `index` or `cdx`, not as `paths`"
            )
        if bool(self.index) == bool(self.cdx):
            raise ValueError("common_crawl needs one of `index` (Parquet files) and `cdx` (a server)")
        if wrong := [host for host in self.hosts if not HOST.fullmatch(host)]:
            raise ValueError(f"hosts: '{wrong[0]}' is no name of a host, such as example.org; `prefixes` takes more")
        if wrong := [prefix for prefix in self.prefixes if "/" not in prefix]:
            raise ValueError(f"prefixes: '{wrong[0]}' has no path, such as example.org/docs/; put it under `hosts`")
        return self

    def extras(self) -> tuple[str, ...]:
        return ("common-crawl", *extras_of(self.index))

    def identity(self) -> dict[str, Any]:
        """What is done with a capture; which captures there are counts as the input."""
        return self.model_dump(mode="json", include={"kind", "source", "verify_digests", "max_document_bytes"})

    def shows(self) -> dict[str, Any]:
        wish = self.model_dump(mode="json", include={"index", "cdx", "hosts", "prefixes", "languages", "mime", "limit"})
        return {"captures": {name: value for name, value in wish.items() if value}}

    def inputs(self) -> list[str] | None:
        _captures.cache_clear()  # a new plan asks anew
        return [self.cdx or ", ".join(self.index)]

    def identify(self, path: str) -> str | None:
        return content_hash(*(str(part) for capture in _captures(self) for part in astuple(capture)))

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Neighbouring captures, at most 64 MiB or 4,096 of them. Raises ValueError if the index names none."""
        captures = _captures(self)
        bounds, size = [0], 0
        for place, capture in enumerate(captures):
            if place > bounds[-1] and (size + capture.length > UNIT_BYTES or place - bounds[-1] == UNIT_CAPTURES):
                bounds.append(place)
                size = 0
            size += capture.length
        return [
            Unit(path, sha256, start, stop, parts=captures[start:stop])
            for start, stop in pairwise([*bounds, len(captures)])
        ]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer = RowBuffer(self.schema)
        pages = WarcSource(source=self.source, verify_digests=self.verify_digests)
        captures: tuple[Capture, ...] = unit.parts
        for capture in captures:
            if capture.length > MAXIMUM_BODY:
                buffer.drop(_position(capture), capture.url, Reason("too_large", capture.length, MAXIMUM_BODY))
        for span, found in self._fetched(_spans([one for one in captures if one.length <= MAXIMUM_BODY])):
            for capture in span.captures:
                _sort(capture, span, found, pages, buffer)
                if buffer.is_full():
                    yield buffer.take()
        yield buffer.take()

    def select(self) -> tuple[Capture, ...]:
        """The captures that the index names, in order. Raises ValueError if there is none."""
        wish = Wish(self.hosts, self.prefixes, self.languages, self.mime)
        with self._client() as client:
            found = from_cdx(client, self.cdx, wish) if self.cdx else from_columns(self._index_files(client), wish)
        if not found:
            raise ValueError(f"no page of {self.cdx or ', '.join(self.index)} fits hosts, prefixes, languages and mime")
        return tuple(sorted(found)[: self.limit])

    def _index_files(self, client: HttpClient) -> Iterator[tuple[str, BinaryIO]]:
        for path in self.index:
            if path.startswith(("http://", "https://")):
                try:
                    yield path, io.BufferedReader(RemoteFile(client, path), 1 << 20)
                except NotThere as error:
                    raise ValueError(f"index {path}: {error}; name a file of the index") from None
                continue
            for file in expand([path]):
                with closing(open_input(file)) as stream:
                    yield file, stream

    def _client(self) -> HttpClient:
        return HttpClient(self.user_agent, self.timeout_s, self.parallel)

    def _fetched(self, spans: Iterable[_Span]) -> Iterator[tuple[_Span, bytes | NotThere]]:
        """Each span with its bytes, in order; a few are fetched ahead."""
        with self._client() as client:
            pool = ThreadPoolExecutor(self.parallel)
            waiting: deque[tuple[_Span, Future[bytes | NotThere]]] = deque()
            try:
                for span in spans:
                    waiting.append((span, pool.submit(_fetch, client, self.base, span)))
                    if len(waiting) > self.parallel:
                        first, answer = waiting.popleft()
                        yield first, answer.result()
                for first, answer in waiting:
                    yield first, answer.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


@lru_cache(maxsize=1)
def _captures(source: CommonCrawlSource) -> tuple[Capture, ...]:
    """What the index names, asked once for a plan and its run."""
    return source.select()


@dataclass(frozen=True, slots=True)
class _Span:
    """Captures of one WARC file that one request fetches."""

    captures: tuple[Capture, ...]
    stop: int

    @property
    def filename(self) -> str:
        return self.captures[0].filename

    @property
    def start(self) -> int:
        return self.captures[0].offset


def _spans(captures: Sequence[Capture]) -> Iterator[_Span]:
    """Neighbours in a file gathered, while the gap between them is small."""
    gathered: list[Capture] = []
    stop = 0
    for capture in captures:
        end = capture.offset + capture.length
        if gathered and (
            capture.filename != gathered[0].filename
            or capture.offset > stop + GAP
            or end - gathered[0].offset > SPAN_BYTES
        ):
            yield _Span(tuple(gathered), stop)
            gathered, stop = [], 0
        gathered.append(capture)
        stop = max(stop, end)
    if gathered:
        yield _Span(tuple(gathered), stop)


def _fetch(client: HttpClient, base: str, span: _Span) -> bytes | NotThere:
    try:
        return client.get_range(f"{base.rstrip('/')}/{span.filename}", span.start, span.stop)
    except NotThere as error:
        return error


def _sort(capture: Capture, span: _Span, found: bytes | NotThere, pages: WarcSource, buffer: RowBuffer) -> None:
    """Put the capture among the rows, the drops or the quarantined."""
    position = _position(capture)
    try:
        record = _record(capture, span, found)
    except ValueError as error:
        buffer.quarantine(position, capture.url, error)
        buffer.skip(capture.length)
        return
    pages._sort(record, position, buffer)


def _position(capture: Capture) -> str:
    return f"{capture.filename.rpartition('/')[2]}@{capture.offset}"


def _record(capture: Capture, span: _Span, found: bytes | NotThere) -> Record:
    """The record of a capture. Raises ValueError if its bytes are not that record."""
    if isinstance(found, NotThere):
        raise ValueError(str(found))
    member = found[capture.offset - span.start :][: capture.length]
    if len(member) < capture.length:
        raise ValueError(f"the file ends after {len(member)} of the {capture.length} bytes that the index says")
    there = list(islice(records(io.BytesIO(member), MAXIMUM_BODY), 2))
    if len(there) != 1:
        raise ValueError(f"the range holds {'no record' if not there else 'more than one record'}")
    [record] = there
    if not isinstance(record, Record):
        raise ValueError(record.error)
    digest = record.fields.get("warc-payload-digest", "").rpartition(":")[2]
    if capture.digest and digest:
        if digest != capture.digest:
            raise ValueError("the range holds another record than the index says: the payload's digest differs")
    elif record.url != capture.url:
        raise ValueError("the range holds another record than the index says: the URL differs")
    return record
