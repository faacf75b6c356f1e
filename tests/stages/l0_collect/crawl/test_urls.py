import pytest

from stages.l0_collect.crawl.urls import Scope, host_of, is_page, looks_endless, normalized, section_of


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("HTTPS://Example.ORG:443/a/../b/./c#part", "https://example.org/b/c"),
        ("http://user:secret@example.org", "http://example.org/"),
        ("http://bücher.example/ü?q=ä b", "http://xn--bcher-kva.example/%C3%BC?q=%C3%A4%20b"),
        ("https://example.org/a?utm_source=x&id=2&PHPSESSID=7", "https://example.org/a?id=2"),
        ("https://example.org/a;jsessionid=A1?x=%2F&y=", "https://example.org/a?x=%2F&y="),
        ("http://[2606:2800::1]:8080/", "http://[2606:2800::1]:8080/"),
        ("mailto:a@example.org", None),
        ("javascript:void(0)", None),
        ("http:///nothing", None),
        ("http://example.org:99999/", None),
        ("http://example.org/" + "a" * 3000, None),
    ],
)
def test_each_url_has_one_spelling(url: str, right: str | None):
    assert normalized(url) == right
    assert right is None or normalized(right) == right


def test_links_are_taken_from_their_page():
    assert normalized("../x?y#z", "https://example.org/a/b/c") == "https://example.org/a/x?y"


def test_hosts_and_sections():
    assert host_of("https://example.org:81/a/b") == "https://example.org:81"
    assert section_of("https://example.org/a/b/c?d=/e") == "https://example.org/a/"
    assert section_of("https://example.org/a?b=/c") == "https://example.org/"


@pytest.mark.parametrize(
    "path", ["/a/b/a/b/a/b/a/b/a", "/" + "x/" * 21, "/s?" + "&".join(f"f{number}=1" for number in range(11))]
)
def test_urls_that_servers_make_without_end(path: str):
    assert looks_endless(f"https://example.org{path}")


def test_an_ordinary_url_ends():
    assert not looks_endless("https://example.org/2026/11/26/news/the-news-of-the-day?page=2")


def test_files_that_hold_no_page():
    assert not is_page("https://example.org/a/photo.JPG?x=1")
    assert is_page("https://example.org/a.html")
    assert is_page("https://example.org/v1.2")


@pytest.mark.parametrize(
    ("kind", "url", "is_in"),
    [
        ("host", "https://www.example.org/b", True),
        ("host", "https://blog.example.org/", False),
        ("host", "http://www.example.org/", False),
        ("domain", "https://blog.example.org/", True),
        ("domain", "https://badexample.org/", False),
        ("prefix", "https://www.example.org/docs/x", True),
        ("prefix", "https://www.example.org/blog", False),
    ],
)
def test_scope(kind: str, url: str, is_in: bool):
    assert Scope(["https://www.example.org/docs/"], kind).holds(url) is is_in
