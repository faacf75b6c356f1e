"""One form of hosts, whatever the notation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.hosts import address, canonical_host, canonical_url, host_of

FORMS = {
    "xn--mnchen-3ya.example": [
        "münchen.example", "MÜNCHEN.Example.", "XN--MNCHEN-3YA.example", "m%C3%BCnchen.example",
        "mu\u0308nchen.example", "ｍüｎｃｈｅｎ．ｅｘａｍｐｌｅ", "münchen。example", "m\u00adünchen.example",
    ],
    "xn--fa-hia.de": ["faß.de", "FAẞ.de"],
    "a_b.xn--n3h.net": ["a_b.☃.net", "A_B.☃.NET"],
    "127.0.0.1": ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.01", "127.0.0.1."],
    "[2001:db8::1]": ["[2001:db8::1]", "[2001:0DB8:0:0:0:0:0:1]", "[2001:DB8:0::1]"],
    "999.1.1.1": ["999.1.1.1"],
    "1.2.3.4.5": ["1.2.3.4.5"],
    "08.1": ["08.1"],
    "[x:y": ["[x:y"],
    "[": ["["],
}  # fmt: skip


@pytest.mark.parametrize(("form", "host"), [(form, host) for form, hosts in FORMS.items() for host in hosts])
def test_every_notation_gives_one_form(form: str, host: str) -> None:
    assert canonical_host(host) == form
    assert canonical_host(form) == form


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", ""),
        ("http://", ""),
        ("http:///", ""),
        ("http://a@b@c.org\\x", "c.org"),
        ("http://[2600::1]:80/", "[2600::1]"),
        ("HTTPS://user:word@Ex.org:8080?x", "ex.org"),
        (" \thttp:\\\\ex.org\\x\n", "ex.org"),
        ("ex.org:80/x", "ex.org"),
        ("//ex.org#x", "ex.org"),
        ("http://例え.テスト/", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_host_of(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("HTTP://Ex.org", "http://ex.org/"),
        ("http://ex.org:80/A?b#c", "http://ex.org/A?b#c"),
        ("https://ex.org:80?b", "https://ex.org:80/?b"),
        ("https://ex.org:443/", "https://ex.org/"),
        ("http://u@münchen.example:/x", "http://u@xn--mnchen-3ya.example/x"),
        ("//EX.org/x", "//ex.org/x"),
        ("EX.org", "ex.org/"),
        ("", ""),
        ("http:///x", "http:///x"),
    ],
)
def test_canonical_url(url: str, form: str) -> None:
    assert canonical_url(url) == form
    assert canonical_url(form) == form


def test_address() -> None:
    assert [address(text) for text in ("10.1.2.3", "2001:DB8::1", "fe80::1%lo0", "10.1.2", "x")] == [
        "10.1.2.3", "[2001:db8::1]", "[fe80::1]", "", "",
    ]  # fmt: skip


def test_hosts_beyond_all_bounds_stay_as_they_are() -> None:
    assert canonical_host("Ü" * 100_000) == "ü" * 100_000


@pytest.mark.parametrize("host", ["0..0", "1..2", "0x7f..1"])
def test_numbers_with_nothing_between_them_are_no_address(host: str) -> None:
    assert canonical_host(host) == host


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_the_form_of_a_form_is_itself(text: str) -> None:
    form = canonical_host(text)
    assert form.isascii()
    assert canonical_host(form) == form
