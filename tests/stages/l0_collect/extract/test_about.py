"""What a page says about itself, in the ways in which pages do."""

import pytest

from stages.l0_collect.extract.about import about
from stages.l0_collect.extract.tree import parse

NOTHING = {"title": "", "published": "", "declared_language": "", "canonical_url": "", "license": ""}


def test_a_page_that_says_nothing() -> None:
    assert about(parse("<p>Ferry</p>")) == NOTHING
    assert about(parse("")) == NOTHING


@pytest.mark.parametrize(
    ("html", "name", "value"),
    [
        ("<title> Ferry\n times </title>", "title", "Ferry times"),
        ("<meta property='og:title' content='Ferry'>", "title", "Ferry"),
        ("<title>" + "x" * 900 + "</title>", "title", "x" * 500),
        ("<meta property='article:published_time' content='2024-05-01T10:00Z'>", "published", "2024-05-01T10:00Z"),
        ("<meta itemprop='datePublished' content='1 May 2024'>", "published", "1 May 2024"),
        ("<meta name='DC.date' content='2024'>", "published", "2024"),
        ("<script type='application/ld+json'>{\"datePublished\": \"2024-05-01\"}</script>", "published", "2024-05-01"),
        ("<body><time itemprop='datePublished' datetime='2024-05-01'>", "published", "2024-05-01"),
        ("<meta name='date' content='today'>", "published", ""),
        ("<html lang='de-CH'>", "declared_language", "de-CH"),
        ("<meta http-equiv='Content-Language' content='fr'>", "declared_language", "fr"),
        ("<meta property='og:locale' content='en_US'>", "declared_language", "en_US"),
        ("<html lang='{{ lang }}'>", "declared_language", ""),
        ("<link rel='canonical' href='https://a.test/x'>", "canonical_url", "https://a.test/x"),
        ("<link rel='canonical' href='/x'><meta property='og:url' content='http://a.test/y'>", "canonical_url",
         "http://a.test/y"),
        ("<link rel='canonical' href='javascript:x'>", "canonical_url", ""),
        ("<link rel='license' href='https://a.test/terms'>", "license", "https://a.test/terms"),
        ("<body><a rel='license noopener' href='https://a.test/terms'>", "license", "https://a.test/terms"),
        ("<body><a href='//creativecommons.org/licenses/by/4.0/'>CC BY</a>", "license",
         "https://creativecommons.org/licenses/by/4.0/"),
        ("<body><a href='https://creativecommons.org/about'>Who they are</a>", "license", ""),
        ("<script type='application/ld+json'>{\"license\": \"https://a.test/l\"}</script>", "license",
         "https://a.test/l"),
        ("<link rel='license' href='https://a.test/" + "x" * 400 + "'>", "license", ""),
    ],
)  # fmt: skip
def test_about(html: str, name: str, value: str) -> None:
    assert about(parse(html)) == NOTHING | {name: value}


def test_the_first_that_is_said_counts() -> None:
    page = "<meta name='date' content='2023-01-01'><meta name='date' content='2024-01-01'>"
    assert about(parse(page))["published"] == "2023-01-01"
