"""One request, within bounds of time and bytes; what came of it is returned, never raised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stages.l0_collect.crawl.addresses import ForbiddenAddress, Guard

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

CONNECT_SECONDS = 10.0
NAMES_SECONDS = 300
"""That a host's addresses are kept before they are asked for again."""
TOTAL_SECONDS = 60.0
MAXIMUM_HEADER = 16 << 10
"""Bytes of one header line; aiohttp counts their number itself."""
MAXIMUM_BODY = 10 << 20
"""Bytes as they come, before any content encoding is undone."""
PIECE = 64 << 10
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
ENCODINGS = "gzip, deflate, br, zstd"


@dataclass(slots=True)
class Fetched:
    """An answer, or why there is none."""

    url: str
    date: datetime
    request: bytes
    """Request line and header as they were sent."""
    seconds: float = 0.0
    address: str = ""
    status: int | None = None
    """None: no answer, and `error` says why."""
    reason: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    """Without chunks, but in the content encoding that it came in."""
    truncated: str = ""
    """Why the body is not whole, in the words of WARC: length, time, disconnect."""
    error: str = ""
    """forbidden_address, time_out, or network: …"""

    def header(self, name: str) -> str:
        """The first header of this name (in lower case); empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def open_session(
    agent: str, allowed: Sequence[str] = (), connections: int = 100, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A session that neither keeps cookies, nor sends credentials, nor obeys proxies of the environment."""
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=connections, limit_per_host=1, ttl_dns_cache=NAMES_SECONDS, socket_factory=Guard(allowed),
        keepalive_timeout=30, resolver=resolver,
    )  # fmt: skip
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": agent, "Accept": "text/html,*/*;q=0.1", "Accept-Encoding": ENCODINGS},
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        max_line_size=MAXIMUM_HEADER,
        max_field_size=MAXIMUM_HEADER,
        read_bufsize=PIECE,
    )


async def fetch(
    session: aiohttp.ClientSession, url: str, seconds: float = TOTAL_SECONDS, more: Mapping[str, str] = NO_HEADERS
) -> Fetched:
    """Ask for the URL once, with `more` headers; redirects are answers like others."""
    import aiohttp
    from yarl import URL

    target = URL(url, encoded=True)
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*session.headers.items(), *more.items()))
    asked = f"GET {target.raw_path_qs} HTTP/1.1\r\nHost: {target.raw_authority}\r\n{lines}\r\n".encode()
    found = Fetched(url, datetime.now(UTC), asked)
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds), session.get(target, allow_redirects=False, headers=more) as response:
            found.status, found.reason = response.status, response.reason or ""
            found.address = _address(response)
            found.headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in response.raw_headers]
            await _read(response, found)
    except TimeoutError:
        found.truncated, found.error = "time", "time_out"
    except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
        cause = error.__cause__ or getattr(error, "os_error", None)
        is_forbidden = isinstance(error, ForbiddenAddress) or isinstance(cause, ForbiddenAddress)
        found.truncated = "disconnect"
        found.error = f"forbidden_address: {cause or error}" if is_forbidden else f"network: {type(error).__name__}"
    found.seconds = time.monotonic() - started
    if found.status is not None and found.body:
        found.error = ""  # what came is an answer, marked as cut
    elif found.error:
        found.status, found.truncated = None, ""
    return found


async def _read(response: Any, found: Fetched) -> None:
    """The body up to the bound; kept in `found` piece by piece, so that what came before a fault is there."""
    pieces = bytearray()
    try:
        async for piece in response.content.iter_chunked(PIECE):
            pieces += piece
            if len(pieces) > MAXIMUM_BODY:
                del pieces[MAXIMUM_BODY:]
                found.truncated = "length"
                response.close()
                return
    finally:
        found.body = bytes(pieces)


def _address(response: Any) -> str:
    transport = response.connection.transport if response.connection else None
    name = transport.get_extra_info("peername") if transport else None
    return str(name[0]) if name else ""
