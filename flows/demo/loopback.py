"""The demo web on this machine: its hosts answer on a loopback port, and with them some that no crawler should trust.

| host                 | what it is                                                                    |
|----------------------|-------------------------------------------------------------------------------|
| those of the pages   | `/` lists the pages and is `noindex`; large hosts name them in a sitemap instead |
| members.example.org  | robots.txt disallows `/members/`                                              |
| reserved.example     | pages that opt out of training, each in another way                           |
| slow.example.net     | answers late                                                                  |
| circles.example.net  | redirects that never arrive                                                   |
| maze.example         | every page leads to pages that nobody has seen                                |
| calendar.example     | a month after the other, for ever                                             |
"""

from __future__ import annotations

import asyncio
import html
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.abc import AbstractResolver

from flows.demo.pages import Page
from flows.demo.phrases import BOILERPLATE

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

ADDRESS = "127.0.0.1"
LARGE = 20
"""Pages from which on a host has a sitemap."""
SLOW_SECONDS = 0.4
PAGES = range(1, 4)
"""Of each of the hosts above."""
OPT_OUTS: tuple[tuple[dict[str, str], str], ...] = (
    ({"X-Robots-Tag": "noai"}, ""),
    ({"Content-Usage": "train-ai=n"}, ""),
    ({}, '<meta name="tdm-reservation" content="1">'),
)
"""Header and element of <head> of the pages of reserved.example; robots.txt turns GPTBot away from the last of them."""


class Names(AbstractResolver):
    """Every name is a host of the loopback web."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            {"hostname": host, "host": ADDRESS, "port": self._port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        ]

    async def close(self) -> None:
        pass


class LoopbackWeb:
    """Answers for all hosts, by the name that the request asks for."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages: dict[str, dict[str, Page]] = {}
        for page in pages:
            host, _, path = page.url.removeprefix("http://").partition("/")
            self._pages.setdefault(host, {})[f"/{path}"] = page
        self._special = {
            "members.example.org": self._members, "reserved.example": self._reserved, "slow.example.net": self._slow,
            "circles.example.net": self._circles, "maze.example": self._maze, "calendar.example": self._calendar,
        }  # fmt: skip

    def seeds(self) -> list[str]:
        return [f"http://{host}/" for host in (*self._pages, *self._special)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        host, path = request.host, request.path
        if path in ("/ai.txt", "/.well-known/tdmrep.json"):
            return web.Response(status=404)
        if host in self._special:
            return await self._special[host](path)
        pages = self._pages.get(host, {})
        if path == "/robots.txt":
            sitemap = f"Sitemap: http://{host}/sitemap.xml\n" if len(pages) >= LARGE else ""
            return web.Response(text=f"User-agent: *\nDisallow: /login\n{sitemap}")
        if path == "/sitemap.xml" and len(pages) >= LARGE:
            urls = "".join(f"<url><loc>{html.escape(page.url)}</loc></url>" for page in pages.values())
            return web.Response(text=f"<urlset>{urls}</urlset>", content_type="text/xml")
        if path == "/":
            return _list(host, [] if len(pages) >= LARGE else list(pages))
        page = pages.get(path)
        if page is None:
            return web.Response(status=404)
        headers = dict(line.split(": ", 1) for line in page.headers.splitlines())
        return web.Response(
            body=page.body, status=int(page.status.split()[0]), headers={"Content-Type": page.content_type} | headers
        )

    async def _members(self, path: str) -> web.Response:
        if path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /members/\n")
        return _list("members.example.org", [f"/members/{n}" for n in PAGES]) if path == "/" else _text(path)

    async def _reserved(self, path: str) -> web.Response:
        if path == "/robots.txt":
            return web.Response(text="User-agent: GPTBot\nDisallow: /4\n\nUser-agent: *\nDisallow: /login\n")
        number = path[1:]
        if number in ("1", "2", "3"):
            headers, head = OPT_OUTS[int(number) - 1]
            return _text(path, head=head, headers=headers)
        return _list("reserved.example", [f"/{n}" for n in range(1, 5)]) if path == "/" else _text(path)

    async def _slow(self, path: str) -> web.Response:
        await asyncio.sleep(SLOW_SECONDS)
        if path == "/robots.txt":
            return web.Response(status=404)
        return _list("slow.example.net", [f"/{n}" for n in PAGES]) if path == "/" else _text(path)

    async def _circles(self, path: str) -> web.Response:
        if path == "/robots.txt":
            return web.Response(status=404)
        if path == "/":
            return _list("circles.example.net", ["/there", "/on/1"])
        following = {"/there": "/back", "/back": "/there"}.get(path) or f"/on/{int(path.rpartition('/')[2]) + 1}"
        return web.Response(status=302, headers={"Location": following})

    async def _maze(self, path: str) -> web.Response:
        if path == "/robots.txt":
            return web.Response(status=404)
        choose = random.Random(path)
        return _text(path, [f"/{choose.randrange(10**9)}/{choose.randrange(10**9)}" for _ in range(6)])

    async def _calendar(self, path: str) -> web.Response:
        if path == "/robots.txt":
            return web.Response(status=404)
        month = int(path.rpartition("/")[2] or 0)
        return _text("/month", [f"/month/{month + step}" for step in (-12, -1, 1, 12)], title=f"Month {month}")


def _list(host: str, paths: Sequence[str]) -> web.Response:
    """The first page of a host: links, and no text that anybody would keep."""
    links = "".join(f'<li><a href="{html.escape(path)}">{html.escape(path)}</a></li>' for path in paths)
    head = f'<title>{host}</title><meta name="robots" content="noindex">'
    return web.Response(text=f"<!DOCTYPE html><head>{head}</head><ul>{links}</ul>", content_type="text/html")


def _text(
    seed: str, links: Sequence[str] = (), head: str = "", headers: dict[str, str] | None = None, title: str = "Welcome"
) -> web.Response:
    """A page of sentences, the same each time."""
    choose = random.Random(seed)
    body = "".join(f"<p>{' '.join(choose.choices(BOILERPLATE, k=3))}</p>" for _ in range(10))
    body += "".join(f'<a href="{link}">more</a> ' for link in links)
    page = f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body><h1>{title}</h1>{body}</body></html>"
    return web.Response(text=page, content_type="text/html", headers=headers)


@contextmanager
def serving(pages: Sequence[Page]) -> Iterator[tuple[list[str], Names]]:
    """The seeds of the web, and the names by which a crawl finds it, while a thread answers for it."""
    loopback, ready = LoopbackWeb(pages), threading.Event()
    loop = asyncio.new_event_loop()
    port = 0

    async def serve() -> web.AppRunner:
        nonlocal port
        app = web.Application()
        app.router.add_get("/{rest:.*}", loopback.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, ADDRESS, 0)
        await site.start()
        port = runner.addresses[0][1]
        ready.set()
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    if not ready.wait(30):
        raise SystemExit("the loopback web of the demo did not start within 30 seconds")
    try:
        yield loopback.seeds(), Names(port)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
