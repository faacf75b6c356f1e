"""Bytes over HTTP: what passes is asked again, what does not is said, and nothing waits for ever."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline.steps import Fault
from stages.l0_collect.readers import http_ranges
from stages.l0_collect.readers.http_ranges import HttpClient, NotThere, RemoteFile
from tests.stages.l0_collect.readers.range_server import RangeServer, serving

DATA = bytes(range(256)) * 4


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    monkeypatch.setattr(http_ranges, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as told:
        told.files["/f"] = DATA
        yield told


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient("orefine test", timeout_s=5) as one:
        yield one


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before each new request; nothing is waited for."""
    told: list[float] = []
    monkeypatch.setattr(http_ranges.time, "sleep", told.append)
    return told


def test_a_range_is_fetched_over_one_connection(server: RangeServer, client: HttpClient) -> None:
    assert [client.get_range(f"{server.url}/f", start, start + 10) for start in (0, 300, 1000)] == [
        DATA[:10], DATA[300:310], DATA[1000:1010],
    ]  # fmt: skip
    assert (server.asked[1], server.agents, server.connections) == ("/f bytes=300-309", {"orefine test"}, 1)


def test_where_the_file_ends_the_range_ends(server: RangeServer, client: HttpClient) -> None:
    assert client.get_range(f"{server.url}/f", 1000, 2000) == DATA[1000:]


@pytest.mark.parametrize("trouble", ["429", "500", "503", "cut", "hang up", "short range"])
def test_what_may_pass_is_asked_again(server: RangeServer, client: HttpClient, trouble: str) -> None:
    server.troubles = [trouble] * (http_ranges.ATTEMPTS - 1)
    assert client.get_range(f"{server.url}/f", 5, 50) == DATA[5:50]
    assert len(server.asked) == http_ranges.ATTEMPTS


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("503", "the server answers 503 Service Unavailable, after 7 requests; run the same command again"),
        ("cut", "the answer broke off"),
        ("hang up", r"no answer \(ConnectionError\)"),
        ("short range", "44 of 45 bytes were offered"),
    ],
)
def test_what_does_not_pass_is_a_fault(server: RangeServer, client: HttpClient, trouble: str, said: str) -> None:
    server.always = trouble
    with pytest.raises(Fault, match=said):
        client.get_range(f"{server.url}/f", 5, 50)
    assert len(server.asked) == http_ranges.ATTEMPTS


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("whole", "answers a request for a range with other bytes; use one that knows `Range`"),
        ("no content range", "other bytes"),
        ("other range", "other bytes"),
        ("too much", "more than the 45 bytes asked for"),
        ("403", "403 Forbidden; check the address"),
    ],
)
def test_what_asking_again_does_not_change_is_asked_once(
    server: RangeServer, client: HttpClient, trouble: str, said: str
) -> None:
    server.always = trouble
    with pytest.raises(Fault, match=said):
        client.get_range(f"{server.url}/f", 5, 50)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("path", "start"), [("/gone", 0), ("/f", len(DATA))])
def test_bytes_that_are_not_there(server: RangeServer, client: HttpClient, path: str, start: int) -> None:
    with pytest.raises(NotThere, match=r"the server answers 4(04|16)"):
        client.get_range(f"{server.url}{path}", start, start + 10)
    assert len(server.asked) == 1


def test_the_server_says_how_long_to_wait(server: RangeServer, client: HttpClient, pauses: list[float]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.troubles = ["503 Retry-After: 7", f"429 Retry-After: {date}", "503 Retry-After: soon", "503"]
    client.get_range(f"{server.url}/f", 0, 1)
    assert pauses[0] == 7
    assert 55 < pauses[1] <= 60
    assert pauses[2] < pauses[3] * 6 < 1


def test_a_server_that_asks_for_a_long_pause_ends_the_run(
    server: RangeServer, client: HttpClient, pauses: list[float]
) -> None:
    server.always = "429 Retry-After: 3600"
    with pytest.raises(Fault, match="429 Too Many Requests, after 1 requests"):
        client.get_range(f"{server.url}/f", 0, 1)
    assert pauses == []


def test_an_answer_that_drips_is_given_up(server: RangeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_ranges, "ATTEMPTS", 2)
    server.always = "drip"
    began = time.monotonic()
    with HttpClient("test", timeout_s=0.3) as client, pytest.raises(Fault, match=r"the answer took longer than 0\.3 s"):
        client.get_range(f"{server.url}/f", 0, 1000)
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there(client: HttpClient, pauses: list[float]) -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(Fault, match="no answer"):
        client.get_range(f"{url}/f", 0, 1)
    assert len(pauses) == http_ranges.ATTEMPTS - 1
    assert 20 < sum(pauses) < 100


def test_a_whole_answer_has_a_limit(server: RangeServer, client: HttpClient) -> None:
    assert client.get(f"{server.url}/f", len(DATA)) == DATA
    with pytest.raises(Fault, match=f"the answer has {len(DATA)} bytes, more than 100"):
        client.get(f"{server.url}/f", 100)


def test_a_remote_file_is_read_in_parts(server: RangeServer, client: HttpClient) -> None:
    file = io.BufferedReader(RemoteFile(client, f"{server.url}/f"), 64)
    assert file.seek(0, io.SEEK_END) == len(DATA)
    assert (file.read(1), file.seek(100), file.read(200), file.tell()) == (b"", 100, DATA[100:300], 300)
    assert (file.seek(-5, io.SEEK_END), file.read()) == (len(DATA) - 5, DATA[-5:])
