"""Crawl a loopback site of 100 hosts with ours and with Scrapy: pages per CPU second, pages per second, memory.

The site is served by a process of its own, whose time is not counted. Both crawlers obey robots.txt, ask a host once at
a time, follow the same links within the hosts of the seeds, and write what they fetch: ours as WARC with request,
response and metadata, Scrapy each body into a gzip file. With politeness both wait 50 ms between two requests to a
host. `--scrapy FOLDER` is where `pip install --target FOLDER -r benchmarks/requirements-crawl.txt` has put it.

    python -m benchmarks.l0_crawl [--pages 10000] [--hosts 100] [--scrapy FOLDER] [--json results.json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

AGENT = "benchbot/1.0 (+https://example.org/bot)"
WORDS = [a + b + c for a in ("ba", "ko", "ri", "tu", "ne", "sa") for b in ("l", "m", "st", "r") for c in ("an", "os")]


def page(host: str, number: int, pages: int) -> bytes:
    """About 12 kB, with navigation to twelve pages of the host and links to four further ones."""
    chosen = random.Random(f"{host} {number}")
    navigation = "".join(f'<li><a href="/p/{at}">{" ".join(chosen.choices(WORDS, k=3))}</a></li>' for at in range(12))
    further = "".join(f'<a href="/p/{(number * 4 + at) % pages}">more</a> ' for at in range(1, 5))
    text = "".join(f"<p>{' '.join(chosen.choices(WORDS, k=120))} {further}</p>" for _ in range(15))
    head = f"<!doctype html><html><head><title>{number}</title></head>"
    return f"{head}<body><ul>{navigation}</ul>{text}</body></html>".encode()


async def serve(port: int, hosts: int, pages: int) -> None:
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nDisallow: /private/\n")
        if not request.path.startswith("/p/"):
            return web.Response(status=404)
        body = page(request.host, int(request.path[3:]), pages)
        return web.Response(body=body, content_type="text/html", charset="utf-8")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for address in addresses(hosts):
        await web.TCPSite(runner, address, port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def addresses(hosts: int) -> list[str]:
    return [f"127.0.1.{number + 1}" for number in range(hosts)]


def crawl_ours(seeds: list[str], delay: float, folder: str) -> int:
    from pipeline.store.store import open_store
    from stages.l0_collect.crawl.crawl import crawl
    from stages.l0_collect.crawl.settings import CrawlSettings

    settings = CrawlSettings(
        folder=folder, seeds=tuple(seeds), user_agent=AGENT, delay=delay, slowness=0.0, parallel=64, max_pages=10**9,
        max_depth=1000, allow_networks=("127.0.0.0/8",),
    )  # fmt: skip
    return crawl(settings, open_store(folder)).pages


def crawl_scrapy(seeds: list[str], delay: float, folder: str) -> int:
    import gzip

    import scrapy  # type: ignore[import-not-found]
    from scrapy.crawler import CrawlerProcess  # type: ignore[import-not-found]
    from scrapy.linkextractors import LinkExtractor  # type: ignore[import-not-found]

    count = 0
    hosts = {seed.split("/")[2] for seed in seeds}
    links = LinkExtractor(allow_domains=hosts)

    with gzip.open(f"{folder}/bodies.gz", "wb", compresslevel=6) as out:

        class Spider(scrapy.Spider):  # type: ignore[misc]
            name = "bench"
            start_urls = seeds

            def parse(self, response: Any) -> Any:
                nonlocal count
                count += 1
                out.write(response.body)
                for link in links.extract_links(response):
                    yield response.follow(link, callback=self.parse)

        process = CrawlerProcess(
            {
                "USER_AGENT": AGENT, "ROBOTSTXT_OBEY": True, "CONCURRENT_REQUESTS": 64, "DOWNLOAD_DELAY": delay,
                "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "RANDOMIZE_DOWNLOAD_DELAY": False, "LOG_LEVEL": "ERROR",
                "COOKIES_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "RETRY_ENABLED": False,
                "DEPTH_LIMIT": 0,
            }
        )  # fmt: skip
        process.crawl(Spider)
        process.start()
    return count


def measure(who: str, seeds: list[str], delay: float, scrapy: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        places = [scrapy, *sys.path] if scrapy else sys.path
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(places))
        command = [sys.executable, "-m", "benchmarks.l0_crawl", "--one", who, folder, str(delay), *seeds]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=540)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        return {"who": who, "delay": delay, **json.loads(done.stdout.splitlines()[-1])}


def run_one(who: str, folder: str, delay: str, *seeds: str) -> None:
    import time

    started = time.monotonic()
    pages = (crawl_ours if who == "ours" else crawl_scrapy)(list(seeds), float(delay), folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, cpu = time.monotonic() - started, used.ru_utime + used.ru_stime
    print(json.dumps({"pages": pages, "seconds": seconds, "cpu": cpu, "peak_mib": used.ru_maxrss / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--scrapy", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return run_one(*options.one)
    if options.serve:
        return asyncio.run(serve(*options.serve))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    per_host = options.pages // options.hosts
    command = [sys.executable, "-m", "benchmarks.l0_crawl", "--serve", str(port), str(options.hosts), str(per_host)]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        seeds = [f"http://{address}:{port}/p/0" for address in addresses(options.hosts)]
        for delay in (0.0, 0.05):
            for who in ("ours", "scrapy") if options.scrapy else ("ours",):
                row = measure(who, seeds, delay, options.scrapy)
                rows.append(row)
                rate = row["pages"] / row["cpu"]
                print(
                    f"{who:8} delay {delay:4.2f} s {row['pages']:7,} pages {row['seconds']:7.1f} s "
                    f"{row['cpu']:7.1f} CPU s {rate:7.0f} pages/CPU s {row['peak_mib']:6.0f} MiB",
                    flush=True,
                )
        server.kill()
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
