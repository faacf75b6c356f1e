"""A web of many hosts on loopback, in a process of its own: pages, traps, slow hosts, opt-outs, and a log of visits.

Each host is an address 127.0.0.N; what it is follows from the name of its kind in HOSTS. The log has a line for each
request: time, host, path.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
import time
import zlib
from pathlib import Path

import brotli
import zstandard
from aiohttp import web

PORT = int(sys.argv[1]) if __name__ == "__main__" else 0
KINDS = (
    "plain", "maze", "calendar", "broken_robots", "slow", "opted_out", "bombs", "busy", "sessions", "loops",
    "silent_robots", "many_rules", "mapped", "scattered_maze",
)  # fmt: skip
TRAPS = {"maze": "/maze/", "calendar": "/month/", "sessions": "/shop/", "scattered_maze": "/w"}
"""How the paths begin that have no end, by kind of host."""
PAGES = 12
WORDS = [
    f"{a}{b}{c}" for a in ("ba", "ko", "ri", "tu", "ne") for b in ("l", "m", "st", "r") for c in ("an", "os", "ip")
]
MORE_ROBOTS = {
    "many_rules": "".join(f"Disallow: /no/*/{number}/*x$\n" for number in range(10_000)) + "Disallow: /page/3$\n",
    "mapped": "".join(
        f"Sitemap: http://HOST/{name}\n" for name in ("index.xml", "bomb.xml.gz", "listed.xml.gz", "broken.xml")
    ),
}
ROBOTS = "User-agent: *\nDisallow: /private/\nCrawl-delay: 0.05\n"


def kind_of(host: str) -> str:
    return KINDS[(int(host.split(":")[0].rsplit(".", 1)[1]) - 2) % len(KINDS)]


def address_of(kind: str) -> str:
    return f"127.0.0.{KINDS.index(kind) + 2}"


def words(seed: str, number: int = 120) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(number))


def html(body: str, status: int = 200, head: str = "", **headers: str) -> web.Response:
    page = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(text=page, content_type="text/html", status=status, headers=named)


def navigation(more: str = "") -> str:
    links = "".join(f'<a href="/page/{number}">{number}</a> ' for number in range(PAGES))
    return f'<nav><a href="/">home</a> {links} <a href="/private/secret">private</a> {more}</nav>'


async def answer(request: web.Request) -> web.StreamResponse:
    host, path = request.host, request.path
    kind = kind_of(host)
    LOG.write(json.dumps([time.monotonic(), host, path]) + "\n")
    LOG.flush()
    if path == "/robots.txt":
        if kind == "silent_robots":
            await asyncio.sleep(30)
        if kind == "broken_robots":
            return web.Response(status=503)
        return web.Response(text=f"{ROBOTS}{MORE_ROBOTS.get(kind, '')}".replace("HOST", host))
    if path in ("/ai.txt", "/.well-known/tdmrep.json"):
        return web.Response(status=404)
    special = globals().get(f"of_{kind}")
    found = special(host, path, request) if special else None
    if asyncio.iscoroutine(found):
        found = await found
    return found or html(navigation() + f"<p>{words(host + path)}</p>")


def of_maze(host: str, path: str, _: web.Request) -> web.Response | None:
    """Every page below /maze/ has links to others that nobody has seen, and words that mean nothing."""
    if path.startswith("/maze/"):
        chosen = random.Random(path)
        links = "".join(f'<a href="/maze/{chosen.randrange(10**9)}">more</a>' for _ in range(8))
        return html(f"<p>{words(path)}</p>{links}")
    return html(navigation('<a href="/maze/0">maze</a>') + f"<p>{words(host + path)}</p>")


def of_scattered_maze(host: str, path: str, _: web.Request) -> web.Response | None:
    """A maze each page of which is in a folder of its own."""
    if path.startswith("/w"):
        chosen = random.Random(path)
        links = "".join(f'<a href="/w{chosen.randrange(10**9)}/{chosen.choice(WORDS)}">on</a>' for _ in range(6))
        return html(f"<p>{words(path)}</p>{links}")
    return html(navigation('<a href="/w0/begin">maze</a>') + f"<p>{words(host + path)}</p>")


def of_mapped(host: str, path: str, _: web.Request) -> web.Response | None:
    """Pages that nothing but sitemaps names; indexes in a circle, and one that unpacks to 100 MB."""
    urls = "".join(f"<url><loc>http://{host}/listed/{number}</loc></url>" for number in range(PAGES))
    foreign = "<url><loc>http://10.0.0.1/inside</loc></url><url><loc>http://127.0.0.2:1/other</loc></url>"
    index = "".join(
        f"<sitemap><loc>http://{host}/{name}</loc></sitemap>"
        for name in ("index.xml", "index.xml?again", "listed.xml.gz", *(f"more/{number}.xml" for number in range(3)))
    )
    if path.endswith("index.xml") or path.startswith("/more/"):
        return web.Response(text=f"<sitemapindex>{index}</sitemapindex>", content_type="text/xml")
    bodies = {
        "/listed.xml.gz": gzip.compress(f"<urlset>{urls}{foreign}</urlset>".encode()),
        "/bomb.xml.gz": BOMB,
        "/broken.xml": b"<urlset><url><loc>http://" + b"x" * 5000,
    }
    if path in bodies:
        return web.Response(body=bodies[path], content_type="application/octet-stream")
    return html(f"<p>{words(host + path)}</p>")


def of_calendar(host: str, path: str, _: web.Request) -> web.Response | None:
    if path.startswith("/month/"):
        month = int(path.split("/")[2])
        ways = "".join(f'<a href="/month/{month + step}">{step:+} months</a> ' for step in (-12, -1, 1, 12))
        return html(f"<h1>Month {month}</h1>{ways}<p>{words('nothing happens in this month')}</p>")
    return html(navigation('<a href="/month/1">calendar</a>') + f"<p>{words(host + path)}</p>")


def of_sessions(host: str, path: str, request: web.Request) -> web.Response | None:
    """Each answer names the same pages under a new session, in a parameter of a name that nobody knows."""
    token = random.Random(str(request.rel_url)).randrange(10**9)
    links = "".join(f'<a href="/shop/{number}?token={token}">{number}</a>' for number in range(4))
    return html(f"{links}<p>{words(host + path)}</p>")


async def of_slow(host: str, path: str, _: web.Request) -> web.Response | None:
    if path == "/page/1":
        await asyncio.sleep(30)
    return None


def of_opted_out(host: str, path: str, _: web.Request) -> web.Response | None:
    body = navigation() + f"<p>{words(host + path)}</p>"
    return {
        "/page/1": lambda: html(body, X_Robots_Tag="noai"),
        "/page/2": lambda: html(body, head='<meta name="robots" content="noindex">'),
        "/page/3": lambda: html(body, TDM_Reservation="1"),
        "/page/4": lambda: html(body, Content_Usage="train-ai=n"),
        "/page/5": lambda: html(body, X_Robots_Tag="otherbot: noai"),
        "/page/6": lambda: html(body, head='<meta name="robots" content="noimageai">'),
    }.get(path, lambda: None)()


def of_bombs(host: str, path: str, _: web.Request) -> web.Response | None:
    bombs = {
        "/page/1": ("gzip", BOMB),
        "/page/5": ("br", BROTLI),
        "/page/6": ("zstd", ZSTD),
        "/page/7": ("deflate", FLAT),
    }
    if path in bombs:
        encoding, bomb = bombs[path]
        return web.Response(body=bomb, content_type="text/html", headers={"Content-Encoding": encoding})
    if path == "/page/2":
        return web.Response(body=b"<p>" + b"x" * (12 << 20), content_type="text/html")
    if path == "/page/3":
        return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(100), content_type="text/html")
    return None


def of_busy(host: str, path: str, _: web.Request) -> web.Response | None:
    """One page wants to be asked again each time."""
    BUSY[path] = BUSY.get(path, 0) + 1
    return web.Response(status=429, headers={"Retry-After": "0"}) if BUSY[path] % 2 and path == "/page/1" else None


def of_loops(host: str, path: str, _: web.Request) -> web.Response | None:
    if path == "/page/1":
        raise web.HTTPFound("/page/1?again=1")
    if path == "/page/2" or path.startswith("/hop/"):
        raise web.HTTPFound(f"/hop/{len(path)}{path[-1] * len(path)}"[:60])
    if path == "/page/3":
        raise web.HTTPFound("http://10.1.2.3/inside")
    if path == "/page/5":
        other = f"http://{address_of('plain')}:{PORT}/only/by/another"
        return html(navigation(f'<a href="{other}">another host</a>') + f"<p>{words(host + path)}</p>")
    return None


async def serve() -> None:
    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for number in range(len(KINDS)):
        await web.TCPSite(runner, f"127.0.0.{number + 2}", PORT).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    BUSY: dict[str, int] = {}
    ZEROS = bytes(100 << 20)
    BOMB, FLAT, BROTLI = gzip.compress(ZEROS, 1), zlib.compress(ZEROS, 1), brotli.compress(ZEROS, quality=1)
    ZSTD = zstandard.compress(ZEROS, 1)
    with Path(sys.argv[2]).open("a", encoding="utf-8") as LOG:
        asyncio.run(serve())
