"""Fetch byte ranges over HTTP: polite and patient with a busy server, and never without an end.

| the server                                        | here                                                         |
|---------------------------------------------------|--------------------------------------------------------------|
| 206 with the bytes, fewer where the file ends     | the bytes                                                    |
| 404, 410, 416                                     | `NotThere`: whoever asked for these bytes has them wrong     |
| 408, 429, 5xx, no answer, cut answer              | asked again after a while that doubles, or as `Retry-After`  |
|                                                   | says; a `Fault` in the end                                   |
| 200 to a range, any other status                  | a `Fault` at once: asking again changes nothing              |
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pipeline.steps import Fault
from pipeline.store.ranges import RangeFile

ATTEMPTS = 7
FIRST_WAIT = 1.0
"""Seconds, doubled each time: about a minute in all."""
LONGEST_WAIT = 120.0
"""Seconds; a server that asks for a longer pause ends the run, which goes on from there later."""
CONNECT_SECONDS = 20.0
PIECE = 64 << 10
NOT_THERE = (404, 410, 416)
BUSY = (408, 429, 500, 502, 503, 504)
T = TypeVar("T")
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class NotThere(Exception):
    """The server has no such file, or none of these bytes of it."""


class _Again(Exception):
    """What went wrong with one request that may go well the next time."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


class HttpClient:
    """Requests to a server, from several threads too. `timeout_s`: for one whole answer, however slowly it drips."""

    def __init__(self, user_agent: str, timeout_s: float, parallel: int = 1) -> None:
        from requests import Session
        from requests.adapters import HTTPAdapter

        self._session = Session()
        self._session.headers = {
            "User-Agent": user_agent,
            "Accept-Encoding": "identity",
        }  # a range is of bytes as stored
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=parallel))
        self._timeout_s = timeout_s

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str, limit: int, parameters: dict[str, str] | None = None) -> bytes:
        """The whole answer. Fault if it has more than `limit` bytes."""
        return self._patiently(url, lambda: self._whole(url, limit, parameters))

    def get_range(self, url: str, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop` (excluded), or as many of them as the file has."""
        return self._patiently(url, lambda: self._part(url, start, stop)[0])

    def size_of(self, url: str) -> int:
        """Bytes of the file."""
        return self._patiently(url, lambda: self._part(url, 0, 1)[1])

    def _patiently(self, url: str, ask: Callable[[], T]) -> T:
        problem: _Again
        for attempt in range(ATTEMPTS):
            try:
                return ask()
            except _Again as error:
                problem = error
            if problem.wait > LONGEST_WAIT:
                break
            if attempt + 1 < ATTEMPTS:
                # Spread out, so that workers that were refused together do not come back together.
                time.sleep(max(problem.wait, FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.5)))
        raise Fault(
            f"{url}: {problem}, after {attempt + 1} requests; run the same command again later, or ask less at once"
        )

    def _part(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        """(bytes of the range, size of the file)"""
        with self._ask(url, {"Range": f"bytes={start}-{stop - 1}"}) as answer:
            told = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or not told or int(told[1]) != start or told[3] == "*":
                raise Fault(
                    f"{url}: the server answers a request for a range with other bytes; use one that knows `Range`"
                )
            last, size = int(told[2]), int(told[3])
            if last + 1 < min(stop, size):
                raise _Again(f"{last + 1 - start} of {min(stop, size) - start} bytes were offered")
            return self._body(answer, last + 1 - start, is_exact=True), size

    def _whole(self, url: str, limit: int, parameters: dict[str, str] | None) -> bytes:
        with self._ask(url, {}, parameters) as answer:
            told = answer.headers.get("Content-Length", "")
            if not told.isdigit():
                return self._body(answer, limit, is_exact=False)
            if int(told) > limit:
                raise Fault(f"{url}: the answer has {told} bytes, more than {limit}; ask for less")
            return self._body(answer, int(told), is_exact=True)

    def _ask(self, url: str, headers: dict[str, str], parameters: dict[str, str] | None = None) -> Any:
        from requests import RequestException

        wait = min(CONNECT_SECONDS, self._timeout_s)
        try:
            answer = self._session.get(
                url, headers=headers, params=parameters, stream=True, timeout=(wait, self._timeout_s)
            )
        except RequestException as error:
            raise _Again(f"no answer ({type(error).__name__})") from error
        if answer.ok:
            return answer
        status, pause = answer.status_code, answer.headers.get("Retry-After", "")
        answer.close()
        if status in NOT_THERE:
            raise NotThere(f"the server answers {status} {answer.reason}")
        if status in BUSY:
            raise _Again(f"the server answers {status} {answer.reason}", _seconds(pause))
        raise Fault(f"{url}: the server answers {status} {answer.reason}; check the address and what it allows")

    def _body(self, answer: Any, length: int, is_exact: bool) -> bytes:
        from urllib3.exceptions import HTTPError

        found = bytearray()
        end = time.monotonic() + self._timeout_s
        try:
            while piece := answer.raw.read1(PIECE):
                found += piece
                if time.monotonic() > end:
                    raise _Again(f"the answer took longer than {self._timeout_s:g} s")
                if len(found) > length:
                    raise Fault(f"{answer.url}: the answer has more than the {length} bytes asked for")
        except (HTTPError, OSError) as error:
            raise _Again(f"the answer broke off ({type(error).__name__})") from error
        if is_exact and len(found) < length:
            raise _Again(f"the answer broke off after {len(found)} of {length} bytes")
        return bytes(found)


class RemoteFile(RangeFile):
    """A file on a server, for readers that need a few parts of it."""

    def __init__(self, client: HttpClient, url: str) -> None:
        super().__init__(lambda start, stop: memoryview(client.get_range(url, start, stop)), client.size_of(url))


def _seconds(pause: str) -> float:
    """What `Retry-After` asks for: a number or a date."""
    if pause.strip().isdigit():
        return float(pause)
    try:
        date = parsedate_to_datetime(pause)
    except ValueError:
        return 0.0
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
