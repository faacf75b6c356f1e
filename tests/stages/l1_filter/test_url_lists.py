"""The forms in which lists are written, and what is refused of them."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rows.batch import Batch
from stages.l1_filter import url_lists
from stages.l1_filter.url_filter import UrlFilter
from stages.l1_filter.url_lists import Refused, entries_of, read_list


@pytest.mark.parametrize(
    ("line", "hosts"),
    [
        ("ads.example", ["ads.example"]),
        ("Ads.Example.", ["ads.example"]),
        (".ads.example", ["ads.example"]),
        ("*.ads.example", ["ads.example"]),
        ("ads.example:8080", ["ads.example"]),
        ("https://ads.example/", ["ads.example"]),
        ("//ads.example", ["ads.example"]),
        ("ads.example # why", ["ads.example"]),
        ("ads.example/", ["ads.example"]),
        ("0.0.0.0 ads.example", ["ads.example"]),
        ("127.0.0.1\tADS.example www.ads.example # both", ["ads.example", "www.ads.example"]),
        (":: ads.example", ["ads.example"]),
        ("127.0.0.1 localhost", []),
        ("::1 ip6-localhost ip6-loopback", []),
        ("fe80::1%lo0 localhost", []),
        ("0.0.0.0 0.0.0.0", []),
        ("||ads.example^", ["ads.example"]),
        ("||ads.example^|", ["ads.example"]),
        ("||*.ads.example", ["ads.example"]),
        ("||ads.example^$third-party", ["ads.example"]),
        ("||ads.example$all", ["ads.example"]),
        ("||ads.example^$third-party,important", ["ads.example"]),
        ("münchen.example", ["xn--mnchen-3ya.example"]),
        ("XN--MNCHEN-3YA.example", ["xn--mnchen-3ya.example"]),
        ("10.1.2.3", ["10.1.2.3"]),
        ("10.1.2.3:80", ["10.1.2.3"]),
        ("2001:DB8::1", ["[2001:db8::1]"]),
        ("[2001:db8::1]:80", ["[2001:db8::1]"]),
        ("localhost", ["localhost"]),
        ("", []),
        ("# 0.0.0.0 ads.example", []),
        ("! Title: ads", []),
        ("[Adblock Plus 2.0]", []),
    ],
)
def test_lines_of_domain_lists(line: str, hosts: list[str]) -> None:
    assert entries_of(line, "domains") == hosts


@pytest.mark.parametrize(
    ("name", "line", "why"),
    [
        ("domains", "ads.example other.example", "has a space inside"),
        ("domains", "ads .example", "has a space inside"),
        ("domains", "http:///", "names no host"),
        ("domains", "https://", "names no host"),
        ("domains", ".", "names no host"),
        ("domains", "ads.example/banner", "names a path"),
        ("domains", "https://ads.example/?x", "names a path"),
        ("domains", "10.0.0.0/8", "names a path"),
        ("domains", "||ads.example/banner^", "names a path"),
        ("domains", "||ads.example^$script", "adblock rule for parts of pages"),
        ("domains", "||ads.example^$third-party,domain=x.example", "adblock rule for parts of pages"),
        ("domains", "||ads.example^banner", "is no host name"),
        ("domains", "||ads.example^$~third-party", "adblock rule for parts of pages"),
        ("domains", "||^$third-party", "names no host"),
        ("domains", "@@||ads.example^", "is an exception"),
        ("domains", "ads.example##.banner", "names a path"),
        ("domains", "jo@ads.example", "holds an @"),
        ("domains", "ads..example", "is no host name"),
        ("domains", "ads.*.example", "is no host name"),
        ("domains", "-ads=.example", "is no host name"),
        ("domains", f"{'a' * 64}.example", "is no host name"),
        ("domains", ".".join(["abcdefgh"] * 30), "is no host name"),
        ("domains", "[2001:db8::zz]", "is no host name"),
        ("domains", "999.1.1.1", "is no host name"),
        ("domains", "a\0d\0s\0", "is no UTF-8"),
        ("urls", "https://ads.example/a b", "has a space inside"),
        ("urls", "http:///page", "names no host"),
        ("urls", "/page", "names no host"),
        ("banned_words", "---", "neither ASCII letters nor digits"),
        ("banned_words", "käse", "letters beyond ASCII"),
        ("soft_banned_words", "賭博", "letters beyond ASCII"),
        ("banned_subwords", "賭博", "neither ASCII letters nor digits"),
    ],
)
def test_refused_lines(name: str, line: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        entries_of(line, name)


def listed(tmp_path: Path, content: bytes, name: str = "domains") -> frozenset[str]:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    read_list.cache_clear()
    return read_list(path, name, 0)


def test_files_as_windows_writes_them(tmp_path: Path) -> None:
    assert listed(tmp_path, b"\xef\xbb\xbfads.example\r\n\r\n  b.example  \r\n") == {"ads.example", "b.example"}
    assert listed(tmp_path, b"\xef\xbb\xbf# list\rads.example\r") == {"ads.example"}


def test_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"`domains` .*list.txt, line 2: 'a b' has a space inside.*line 4: 'http:///' na"
    ):
        listed(tmp_path, b"ads.example\na b\n# c d\nhttp:///\n")
    with pytest.raises(ValueError, match=r"line 5: .*; and 15 more lines$"):
        listed(tmp_path, b"a b\n" * 20)
    with pytest.raises(ValueError, match=r"line 1: .* is no UTF-8 text; save the list as UTF-8"):
        listed(tmp_path, "münchen.example".encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 1: .* is no UTF-8 text"):
        listed(tmp_path, "ads.example".encode("utf-16"))
    with pytest.raises(ValueError, match=r"aaa…' is no host name"):
        listed(tmp_path, b"a" * 10_000)


def test_lists_without_entries_and_beyond_the_bound_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="has no entry and would drop nothing"):
        listed(tmp_path, b"# nothing yet\n\n")
    monkeypatch.setattr(url_lists, "MOST_BYTES", 10)
    assert listed(tmp_path, b"ad.example") == {"ad.example"}
    with pytest.raises(ValueError, match="which has 11 bytes; a list has at most 10: split it"):
        listed(tmp_path, b"ads.example")


HOSTS = {"xn--mnchen-3ya.example": ["münchen.example", "xn--mnchen-3ya.example"], "ads-1.example": ["ads-1.example"]}
host = st.sampled_from([(form, name) for form, names in HOSTS.items() for name in names])
ends = st.sampled_from(["\n", "\r\n", "\r"])
case = st.sampled_from([str, str.upper, str.title])
ENTRY = ["{}", "{}.", ".{}", "*.{}", "http://{}", "https://{}/", "{}:8080", "0.0.0.0 {}", "127.0.0.1\t{} # x", "||{}^",
         "||{}^$third-party", "{} # x", " {} "]  # fmt: skip
URLS = [
    "http://{}/",
    "https://{}:8443/x?y",
    "http://user:pw@{}/",
    "//{}.",
    "{}/x",
    "http://www.{}",
    "http://a.b.{}:80/",
]


@settings(max_examples=200, deadline=None)
@given(
    host,
    st.sampled_from(ENTRY),
    case,
    st.sampled_from(URLS),
    case,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_whatever_the_notation_the_page_is_dropped(tmp_path_factory, chosen, entry, case_of, url, url_case, end, bom):
    form, name = chosen
    path = tmp_path_factory.getbasetemp() / "variants.txt"
    lines = ["# a list", entry.format(case_of(name)), "other.example", ""]
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + end.join(lines).encode())
    read_list.cache_clear()
    step = UrlFilter(domains=str(path))
    for written in HOSTS[form]:
        urls = [url.format(url_case(written)), url.format(f"not{written}")]
        found = step.judge(Batch(pa.record_batch({"url": urls})))
        assert found.kept.tolist() == [False, True]
