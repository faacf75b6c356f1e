"""Write lots: WARC files of bounded size, sealed together with what happened (journal.py).

A page counts as fetched when its lot is sealed. Of a crawl that is killed only the lot in work is lost, and what it
held is fetched again. A lot is leased while it is filled, so that a second crawl in one folder asks nobody; of two that
do not see each other the one that seals a number first goes on, and the other one ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import OrefineError
from pipeline.store.artifact import Artifact
from pipeline.store.store import Store
from stages.l0_collect.crawl.altered import TextWriter
from stages.l0_collect.crawl.fetch import Fetched
from stages.l0_collect.crawl.journal import LOTS, WORDS, Copy, Cut, Lot, Mark, Visit
from stages.l0_collect.crawl.opt_outs import OptOut
from stages.l0_collect.crawl.warc_writer import REVISIT, digest, fields_block, http_response, record


class AnotherCrawl(OrefineError):
    """Somebody else crawls into the same folder."""


class LotWriter:
    """Fills a local file with records; `seal` moves it into the folder."""

    def __init__(self, store: Store, name: str, software: str, robots: str, tell: Callable[[str], None]) -> None:
        """`name`: such as lot-000000. Waits while another process fills it; AnotherCrawl if that has sealed it."""
        self._store, self._name, self._lease = store, name, ExitStack()
        self._lease.enter_context(Artifact(store, f"{LOTS}/{name}", self._journal).leased(tell))
        if store.exists(self._journal):
            self._lease.close()
            raise self._another()
        self._path: Path = store.temporary()
        self._file = self._path.open("wb")
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.visits: list[Visit] = []
        self.found: list[tuple[str, int]] = []
        self.cuts: list[Cut] = []
        self.marks: list[Mark] = []
        self.texts = TextWriter(store.temporary())
        about = [("software", software), ("format", "WARC File Format 1.1"), ("robots", robots)]
        self._write(record("warcinfo", datetime.now(UTC), fields_block(about), "application/warc-fields")[1])

    def add(self, fetched: Fetched, opt_outs: Sequence[OptOut], about: Sequence[tuple[str, str]]) -> None:
        """A page's request, response and metadata."""
        name, response = record(
            "response", fetched.date, http_response(fetched.status or 0, fetched.reason, fetched.headers, fetched.body),
            "application/http; msgtype=response", fetched.url, WARC_IP_Address=fetched.address,
            WARC_Truncated=fetched.truncated, WARC_Payload_Digest=digest(fetched.body),
        )  # fmt: skip
        asked = record(
            "request", fetched.date, fetched.request, "application/http; msgtype=request", fetched.url,
            WARC_Concurrent_To=name,
        )[1]  # fmt: skip
        fields = [*about, *((f"opt-out-{one.kind}", one.evidence) for one in opt_outs)]
        more = record(
            "metadata", fetched.date, fields_block(fields), "application/warc-fields", fetched.url, WARC_Refers_To=name
        )[1]
        self._write(asked + response + more)

    def add_revisit(self, fetched: Fetched, copy: Copy) -> None:
        """The request and a `revisit` for a page that is as an earlier crawl has it: what was answered, no body."""
        name, revisit = record(
            "revisit", fetched.date, http_response(fetched.status or 0, fetched.reason, fetched.headers, b""),
            "application/http; msgtype=response", fetched.url, WARC_IP_Address=fetched.address,
            WARC_Profile=REVISIT + ("server-not-modified" if fetched.status == 304 else "identical-payload-digest"),
            WARC_Payload_Digest=copy.digest, WARC_Refers_To_Target_URI=fetched.url, WARC_Refers_To_Date=copy.date,
        )  # fmt: skip
        asked = record(
            "request", fetched.date, fetched.request, "application/http; msgtype=request", fetched.url,
            WARC_Concurrent_To=name,
        )[1]  # fmt: skip
        self._write(asked + revisit)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    @property
    def is_worth_it(self) -> bool:
        """Whether anything happened that has to be kept."""
        return bool(self.visits or self.found or self.cuts or self.marks)

    def seal(self) -> Lot:
        """Raises AnotherCrawl if a lot of this number is there."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = self._hash.hexdigest()
        name = f"{LOTS}/{self._name}-{sha256[:12]}.warc.gz"
        self.texts.close()
        words = "" if self.texts.is_empty else f"{WORDS}/{self._name}-{sha256[:12]}.zst"
        lot = Lot(
            warc=name, sha256=sha256, bytes=self.bytes, visits=self.visits, found=self.found, cuts=self.cuts,
            marks=self.marks, words=words,
        )  # fmt: skip
        if words:
            self._store.commit(self.texts.path, words)
        self.texts.path.unlink(missing_ok=True)
        self._store.commit(self._path, name)
        is_first = self._store.create(self._journal, lot.model_dump_json().encode())
        self._lease.close()
        if not is_first:
            raise self._another()
        return lot

    def discard(self) -> None:
        """Forget what was not sealed."""
        self._lease.close()
        self._file.close()
        self._path.unlink(missing_ok=True)
        self.texts.close()
        self.texts.path.unlink(missing_ok=True)

    @property
    def _journal(self) -> str:
        return f"{LOTS}/{self._name}.json"

    def _another(self) -> AnotherCrawl:
        return AnotherCrawl(
            f"{self._name} of {self._store.root} was sealed by another crawl; let one of them run alone"
        )
