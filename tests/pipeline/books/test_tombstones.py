"""What tombstones name is found again, however it is written."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipeline.books.tombstones import Targets, Tombstone


def targets(*hosts: str) -> Targets:
    found = Targets()
    found.add(Tombstone(asked=datetime(2026, 1, 1, tzinfo=UTC), reason="asked", hosts=hosts))
    return found


@pytest.mark.parametrize(
    ("host", "url", "meant"),
    [
        ("shop.example", "https://shop.example/a", True),
        ("shop.example", "https://www.Shop.Example.:443/a", True),
        ("shop.example", "https://me@shop.example/a", True),
        ("shop.example", "shop.example/a", True),
        ("bücher.example", "https://xn--bcher-kva.example/a", True),
        ("xn--bcher-kva.example", "https://B%C3%BCcher.example/a", True),
        ("Shop.Example.", "https://shop.example/a", True),
        ("127.0.0.1", "http://0x7f.1/a", True),
        ("shop.example", "https://workshop.example/a", False),
        ("shop.example", "https://example/shop.example", False),
        ("www.shop.example", "https://shop.example/a", False),
        ("shop.example", "https://[broken/a", False),
        ("shop.example", "", False),
    ],
)
def test_a_host_is_known_with_those_below_it_in_any_notation(host: str, url: str, meant: bool):
    assert targets(host).is_host(url) == meant


def test_what_names_nothing_is_empty():
    assert not targets()
    assert targets("shop.example")


@pytest.mark.parametrize(
    ("named", "url", "meant"),
    [
        ("https://shop.example/a?b=1", "https://shop.example/a?b=1", True),
        ("https://shop.example/a", "http://SHOP.example:80/a#part", True),
        ("https://bücher.example", "https://xn--bcher-kva.example/", True),
        ("shop.example/a", "https://shop.example/a", True),
        ("https://shop.example/a", "https://shop.example/A", False),
        ("https://shop.example/a", "https://shop.example/a/", False),
        ("https://shop.example/a", "https://shop.example/a?b=1", False),
        ("https://shop.example:8080/a", "https://shop.example/a", False),
        ("https://shop.example/a", None, False),
    ],
)
def test_a_page_is_known_in_any_notation_of_its_url(named: str, url: str | None, meant: bool):
    found = Targets()
    found.add(Tombstone(asked=datetime(2026, 1, 1, tzinfo=UTC), reason="asked", urls=(named,)))
    rows = pa.RecordBatch.from_pydict({"url": pa.array([url], pa.string())})
    assert found.find(rows)["url"].tolist() == [meant]
