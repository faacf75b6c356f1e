"""What a body is by its bytes, whatever its server calls it."""

import gzip
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers.page_sniff import is_html

NOISE = random.Random(1).randbytes(3000)
BINARY = {
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + NOISE,
    "png": b"\x89PNG\r\n\x1a\n" + NOISE,
    "gif": b"GIF89a" + NOISE,
    "webp": b"RIFF\x10\x20\x00\x00WEBPVP8 " + NOISE,
    "pdf of text": b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n" * 50,
    "postscript": b"%!PS-Adobe-3.0\n%%Pages: 1\n",
    "rtf": b"{\\rtf1\\ansi Hello}",
    "zip": b"PK\x03\x04" + NOISE,
    "program": b"MZ\x90\x00\x03" + NOISE,
    "elf": b"\x7fELF\x02\x01" + NOISE,
    "font": b"wOF2\x00\x01\x00\x00" + NOISE,
    "opentype": b"OTTO\x00\x0c" + NOISE,
    "mp4": b"\x00\x00\x00\x20ftypisom" + NOISE,
    "mp3": b"\xff\xfb\x90\x64" + NOISE,
    "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE,
    "tar": b"a.html" + bytes(251) + b"ustar" + b"<html>",
    "bitmap": b"BM\x36\x10\x00\x00" + NOISE,
    "noise": NOISE,
    "jpeg with markup inside": b"\xff\xd8\xff\xe1" + b"<html><body>" + NOISE,
}
DATA = {
    "json": b'{"a": "<html><body>x</body>", "b": [1, 2]}',
    "json list": b'[{"a": 1}]',
    "numbers": b"[1, 2, 3]",
    "cut json": b'{"items": [{"id": 1, "name": "x',
    "guarded json": b')]}\',\n{"a": 1}',
    "jsonp": b'callback({"a": 1, "b": {"c": 2}});',
    "script": b"(function(){var a=1;document.write('<div>'+a+'</div>');})();",
    "strict": b"'use strict';\nconst x = require('y');\nmodule.exports = {x: 1};",
    "script after a comment": b"/*! x v1 | (c) */\n!function(e,t){e.x=t()}(this,function(){return 1});",
    "var": b"var a = {b: 1}; var c = '<p>x</p>';",
    "css": b'@charset "utf-8";\nbody { margin: 0; }\n',
    "css rule": b"/* main */\n.header, #nav a:hover { color: #fff; padding: 1px }\n.x{top:0}",
    "feed": b'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>x</title></channel></rss>',
    "atom": b"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title></feed>",
    "sitemap": b'<?xml version="1.0"?><!-- x --><urlset><url><loc>http://a/</loc></url></urlset>',
    "picture": b'<svg xmlns="http://www.w3.org/2000/svg"><title>x</title></svg>',
    "unknown xml": b'<?xml version="1.0"?><catalog><book>x</book></catalog>',
}
PAGES = {
    "page": b"<!DOCTYPE html><html><body><p>x</p></body></html>",
    "old page": b"\n <HTML>\n<BODY BGCOLOR=white>x",
    "comment first": b"<!--" + b"x" * 3000 + b"-->\n<!-- y --><html><p>x</p>",
    "comment without end": b"<!--" + b"x" * 9000 + b"-->\n<html><p>x</p>",
    "xhtml": b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">\n<html>x</html>',
    "mark": b"\xef\xbb\xbf<!doctype html><p>x",
    "utf-16": "<!doctype html><html><p>Grüße</p></html>".encode("utf-16"),
    "utf-16 without mark": "<html><p>x</p></html>".encode("utf-16-be"),
    "a control character": b"<html><body><p>a\x01b</p></body></html>",
    "notice first": b"Warning: mysql_connect() in /x.php\n<html><body>x</body></html>",
}
PIECES = {
    "piece": b"<div class=x><p>x</p></div>",
    "script element first": b"<script>var a = {};</script><p>x</p>",
    "xml piece": b'<?xml version="1.0"?><div>x</div>',
}
PROSE = {
    "prose": b"The lighthouse was built in 1871 (a storm; eleven boats).\n\nIts keeper kept a diary.",
    "brackets": b"[1] First note. See [2]",
    "russian": "Маяк построен в 1871 году.".encode("cp1251"),
    "japanese": "灯台は1871年に建てられた。".encode("iso2022_jp"),
    "import": b"Import duties rose (again) in 1871; var iations of this = none.",
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("content_type", ["text/html", "", "text/plain", "application/octet-stream"])
def test_binary_is_no_page(name: str, content_type: str) -> None:
    assert not is_html(BINARY[name], content_type)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "", "text/plain", "application/xml"])
def test_data_and_code_are_no_pages(name: str, content_type: str) -> None:
    assert not is_html(DATA[name], content_type)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_whatever_it_is_called(name: str) -> None:
    types = ["text/html", "TEXT/HTML;charset=x", "text/html, text/html", "", "html", "application/octet-stream",
             "application/xhtml+xml", "*/*"]  # fmt: skip
    types += ["text/plain", "text/xml", "application/xml"] if name != "notice first" else []
    assert [content_type for content_type in types if not is_html(PAGES[name], content_type)] == []
    assert not is_html(PAGES[name], "image/png")
    assert not is_html(PAGES[name], "application/json")


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_of_a_page_is_one_unless_it_is_called_plain_text(name: str) -> None:
    assert [is_html(PIECES[name], content_type) for content_type in ("text/html", "", "text/plain")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("name", PROSE)
def test_text_is_a_page_only_if_it_is_called_one(name: str) -> None:
    assert [is_html(PROSE[name], content_type) for content_type in ("text/html", "", "text/plain")] == [
        True,
        False,
        False,
    ]


def test_large_json_is_told_by_its_last_sign() -> None:
    assert not is_html(json.dumps(list(range(200_000))).encode(), "text/html")
    assert is_html(b"[1] " + b"A long note, and then some more. " * 40_000, "text/html")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(BINARY)), st.binary(max_size=200), st.integers(0, 3000))
def test_binary_with_any_end_is_no_page(name: str, end: bytes, length: int) -> None:
    assert not is_html(BINARY[name][: max(300, length)] + end, "text/html")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([b" ", b"\n", b"<!-- a > b -->", b"<?php x ?>", b"<!DOCTYPE html>", b"\xef\xbb\xbf"]),
        max_size=6,
    ),
    st.sampled_from([b"<html>", b"<HTML lang='x'>", b"<body>", b"<head><title>"]),
    st.binary(max_size=100),
)
def test_a_page_behind_any_beginning_is_one(before: list[bytes], tag: bytes, end: bytes) -> None:
    for content_type in ("text/html", "", "text/plain"):
        assert is_html(b"".join(before) + tag + b"text " * 60 + end, content_type)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=200, max_size=2000))
def test_compressed_bytes_are_binary(data: bytes) -> None:
    assert not is_html(gzip.compress(data), "text/html")
