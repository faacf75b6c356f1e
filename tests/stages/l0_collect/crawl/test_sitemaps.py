import gzip

from stages.l0_collect.crawl.sitemaps import MAXIMUM_URLS, parse_sitemap

PAGES = (
    b"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
    b"<url><loc> https://a.example/1 </loc></url>%s</urlset>"
)


def test_pages_and_indexes_and_text_and_gzip():
    assert parse_sitemap(PAGES % b"").pages == ["https://a.example/1"]
    assert parse_sitemap(gzip.compress(PAGES % b"")).pages == ["https://a.example/1"]
    index = b"<sitemapindex><sitemap><loc>https://a.example/m.xml</loc></sitemap></sitemapindex>"
    assert parse_sitemap(index).sitemaps == ["https://a.example/m.xml"]
    assert parse_sitemap(b"https://a.example/1\nnonsense\nhttps://a.example/2\n").pages == [
        "https://a.example/1", "https://a.example/2"
    ]  # fmt: skip


def test_what_is_broken_ends_it():
    assert parse_sitemap((PAGES % b"<url><loc>https://a.exa")[:90]).pages == ["https://a.example/1"]
    assert parse_sitemap(b"<!doctype html><p>no map").pages == []
    assert parse_sitemap(gzip.compress(PAGES % b"")[:20]).pages == []


def test_bounds():
    many = PAGES % (b"<url><loc>https://a.example/x</loc></url>" * (MAXIMUM_URLS + 10))
    assert len(parse_sitemap(many).pages) == MAXIMUM_URLS
    assert parse_sitemap(gzip.compress(bytes(20 << 20))).pages == []
    laughs = b"".join(b"<!ENTITY l%d '%s'>" % (number, b"&l%d;" % (number - 1) * 10) for number in range(1, 10))
    bomb = b"<!DOCTYPE x [<!ENTITY l0 'lol'>" + laughs + b"]><urlset><url><loc>&l9;</loc></url></urlset>"
    assert len("".join(parse_sitemap(bomb).pages)) < 100
