"""WET in: the texts of conversion records, with what the record says of them."""

import gzip
from collections import Counter
from pathlib import Path

from stages.l0_collect import kind_for
from stages.l0_collect.readers.wet import WetSource
from tests.stages.l0_collect.readers.warc_files import read, record


def conversion(url: str, text: bytes, extra: str = "", kind: str = "conversion") -> bytes:
    return record(url, text, kind, extra=extra).replace(b"application/http; msgtype=response", b"text/plain")


def test_a_text_brings_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.wet.gz"
    extra = "WARC-Refers-To: <urn:uuid:page>\r\nWARC-Identified-Content-Language: deu,eng\r\n"
    path.write_bytes(gzip.compress(conversion("http://a.test/", "Grüße\n".encode(), extra)))
    [unit] = WetSource().units(str(path), "hash")
    [batch] = WetSource(source="crawl").read(unit)
    assert batch.rows.to_pylist() == [{
        "text": "Grüße\n", "url": "http://a.test/", "source": "crawl", "date": "2024-05-18T00:00:00Z",
        "source_id": "<urn:uuid:/>", "warc_truncated": None, "warc_digest": None, "languages": "deu,eng",
        "warc_refers_to": "<urn:uuid:page>",
    }]  # fmt: skip


def test_what_is_no_text_is_dropped_by_rule_or_quarantined(tmp_path: Path) -> None:
    data = b"".join([
        conversion("http://a.test/1", b"text"),
        conversion("http://a.test/2", b"text", kind="warcinfo"),
        conversion("http://a.test/3", b" \n"),
        conversion("http://a.test/4", b"\xff\xfe text"),
        conversion("http://a.test/5", b"x").replace(b"text/plain", b"application/json"),
        conversion("http://a.test/6", b"x", "WARC-Block-Digest: sha1:" + "A" * 32 + "\r\n"),
    ])  # fmt: skip
    outcomes = read(tmp_path / "a.wet", data, WetSource())
    damaged = sorted(outcome.split(" ", 1)[1] for outcome in outcomes if "@" in outcome)
    assert [error[:20] for error in damaged] == ["'utf-8' codec can't ", "the block is not wha"]
    assert Counter(outcome for outcome in outcomes if "@" not in outcome) == Counter([
        "http://a.test/1", "http://a.test/2 not_a_conversion", "http://a.test/3 empty_text", "http://a.test/5 not_text",
    ])  # fmt: skip


def test_files_are_known_by_their_names() -> None:
    names = ["a.warc.wet.gz", "a.wet", "a.wet.zst", "a.warc.zst", "a.arc.gz", "a.warc.wat.gz"]
    assert [kind_for(name) for name in names] == ["wet", "wet", "wet", "warc", "warc", None]
