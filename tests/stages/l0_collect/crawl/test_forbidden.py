"""No way leads to a forbidden address: proved by a server there that counts the connections which it accepts."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver

from pipeline.store.store import open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.journal import sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.urls import normalized
from tests.loopback import Quiet, serving

OPEN = "127.0.0.5"
"""The one address that the crawls of these tests may connect to."""
TRICKS = [
    "127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "127.127.127.127", "2130706433", "0x7f000001", "0x7f.1",
    "0X7F.0.0.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "00000177.0.0.1", "0", "0.0.0.0", "localhost",
    "LOCALHOST", "localhost.",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::80ff:fffe]", "[fe80::1]", "[fd00::1]", "user:word@127.0.0.1",
    "example.org@127.0.0.1", "example.org%40@127.0.0.1", "\uff11\uff12\uff17.\uff10.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①",
    "ⓛocalhost", "127.0.0.%31", "%31%32%37.0.0.1", "%6cocalhost", "127.0.\t0.1", "10.0.0.1", "192.168.0.1",
    "172.16.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
]  # fmt: skip
"""Spellings of hosts that lead inside, or would if somebody between here and there translated them."""


class Counted:
    """Listens on all addresses of the machine, and counts who connects to which."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self._sockets = [
            first,
            *(socket.create_server((f"127.{rest}", self.port)) for rest in ("0.0.2", "127.127.127")),
        ]
        if socket.has_ipv6:
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for one in self._sockets:
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.accepted[connection.getsockname()[0]] += 1
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()

    def close(self) -> None:
        for one in self._sockets:
            one.close()


@pytest.fixture
def inside() -> Iterator[Counted]:
    server = Counted()
    yield server
    server.close()


class Site(Quiet):
    """Pages; the robots.txt of `way-7.example` leads to the seventh trick."""

    inside_port = 0

    def do_GET(self) -> None:
        host = self.headers["Host"].partition(".")[0]
        if self.path == "/robots.txt" and host.startswith("way-"):
            trick = TRICKS[int(host[4:])].encode("utf-8").decode("latin-1")
            self.send_response(302)
            self.send_header("Location", f"http://{trick}:{self.inside_port}/robots.txt".replace("\t", ""))
            self.end_headers()
            return
        if self.path.startswith("/robots.txt") and host == "circle":
            self.send_response(302)
            self.send_header("Location", f"{self.path.partition('?')[0]}?{len(self.path)}")
            self.end_headers()
            return
        body = b"<!doctype html><a href='/2'>on</a>" if self.path.startswith("/") and "." not in self.path else b""
        self.answer(200 if body else 404, body)


@pytest.fixture
def site(inside: Counted) -> Iterator[int]:
    """The port of the site."""
    with serving(type("SiteThere", (Site,), {"inside_port": inside.port}), OPEN) as port:
        yield port


class Names(AbstractResolver):
    """Answers `*.example` by `answers`, in their turn; the last one stays. All else is the system's."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers, self.asked = answers, Counter[str]()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Any:
        if not host.endswith(".example"):
            return await ThreadedResolver().resolve(host, port, family)
        found = self._answers[min(self.asked[host], len(self._answers) - 1)]
        self.asked[host] += 1
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in found
        ]

    async def close(self) -> None:
        pass


def outcomes(folder: Path, seeds: list[str], names: Names, *allowed: str, max_seconds: float = 600.0) -> dict[str, str]:
    settings = CrawlSettings(
        folder=str(folder), seeds=tuple(seeds), user_agent="testbot/1.0 (+https://example.org/bot)", delay=0.0,
        slowness=0.0, timeout=2.0, per_address=100, allow_networks=allowed, max_seconds=max_seconds,
    )  # fmt: skip
    crawl(settings, open_store(str(folder)), resolver=names)
    visits = [visit for lot in sealed_lots(open_store(str(folder))) for visit in lot.visits]
    return {visit.url.partition("//")[2]: visit.outcome for visit in visits}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.l0_collect.crawl.engine.TRIES", 1)


def test_no_spelling_and_no_redirect_leads_inside(inside: Counted, site: int, tmp_path: Path):
    direct = [url for trick in TRICKS if (url := normalized(f"http://{trick}:{inside.port}/"))]
    ways = [f"http://way-{number}.example:{site}/" for number in range(len(TRICKS))]
    found = outcomes(tmp_path / "guarded", [*direct, *ways], Names([OPEN]), f"{OPEN}/32")
    assert len(TRICKS) == 50
    assert len(direct) > 40
    assert not inside.accepted
    assert set(found.values()) == {"robots_unreachable"}
    # The same crawl with an open guard: the tricks are real, so that what refused them was the guard.
    outcomes(tmp_path / "open", [*direct, *ways], Names([OPEN]), "127.0.0.0/8", "::1/128", "::/128", "0.0.0.0/32")
    assert inside.accepted.total() > 40


@pytest.mark.parametrize("later", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
def test_a_name_that_moves_inside_after_it_was_looked_up(
    inside: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: list[str]
):
    monkeypatch.setattr("stages.l0_collect.crawl.fetch.NAMES_SECONDS", 0)
    with serving(Site, OPEN, inside.port):
        seeds = [f"http://moving.example:{inside.port}/1"]
        names = Names([OPEN], [OPEN], [OPEN], [OPEN], later)  # robots.txt, ai.txt, tdmrep.json and the first page
        found = outcomes(tmp_path / "guarded", seeds, names, f"{OPEN}/32")
        assert names.asked["moving.example"] >= 5
        assert found == {
            f"moving.example:{inside.port}/1": "fetched", f"moving.example:{inside.port}/2": "forbidden_address",
        }  # fmt: skip
        assert not inside.accepted
        outcomes(tmp_path / "open", seeds, Names([OPEN], later), "127.0.0.0/8")
        assert inside.accepted


def test_a_robots_txt_that_leads_on_for_ever_allows_nothing(site: int, tmp_path: Path):
    found = outcomes(tmp_path, [f"http://circle.example:{site}/1"], Names([OPEN]), f"{OPEN}/32", max_seconds=20.0)
    assert found == {f"circle.example:{site}/1": "robots_unreachable"}


def test_of_two_addresses_of_a_name_the_forbidden_one_is_left_out(inside: Counted, tmp_path: Path):
    with serving(Site, OPEN, inside.port):
        seeds = [f"http://both.example:{inside.port}/1"]
        found = outcomes(tmp_path, seeds, Names(["127.0.0.1", OPEN, "127.0.0.2"]), f"{OPEN}/32")
        assert set(found.values()) == {"fetched"}
        assert not inside.accepted
