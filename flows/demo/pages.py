"""The pages of the demo web: articles on the sites one would expect, and around them what a crawl is full of.

Hosts carry labels as they do on the web: handbooks explain, references and change logs list. On the other sites both
kinds are mixed, and of packages that no labelled site has: what a classifier finds there it has not remembered.
"""

from __future__ import annotations

import html
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flows.demo.phrases import BOILERPLATE, GOODS, LANGUAGES, SPAM, SPAM_HOSTS
from flows.demo.texts import Article, Kind, Section, read_articles, read_licences

PAGES = 800
SEED = 7
SHARES = {
    "explains": 0.30,
    "lists": 0.38,
    "mirror": 0.05,
    "near_copy": 0.06,
    "licence": 0.03,
    "boilerplate": 0.03,
    "spam": 0.06,
    "short": 0.02,
    "other_language": 0.03,
    "empty": 0.01,
    "not_found": 0.01,
    "redirect": 0.01,
    "pdf": 0.01,
    "broken_encoding": 0.01,
    "too_deep": 0.002,
}
"""Of all pages, to the nearest page; every kind has at least one."""
LABELLED = 0.75
"""Of the articles, those on hosts that say of which kind they are."""
LABELLED_HOSTS: dict[Kind, tuple[str, ...]] = {
    "explains": ("learn.example.edu", "handbook.example.org"),
    "lists": ("reference.example.org", "changelog.example.net"),
}
OTHER_HOSTS = ("docs.example.com", "blog.example.net", "wiki.example")
LABELLED_PACKAGES = {"networkx", "pandas", "scipy", "fonttools", "yarl"}
HELD_OUT = 40
"""Articles that explain and are on no page."""
LAYOUT = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="{charset}"><title>{title} | {host}</title>
<script>window.site = {{"host": "{host}"}};</script></head><body>
<header><nav><ul><li><a href="/">Home</a></li><li><a href="/topics" rel="nofollow">Topics</a></li>
<li><a href="/about" rel="nofollow">About</a></li><li><a href="/login">Sign in</a></li></ul></nav></header>
<div class="cookie-banner">We use cookies to make this site work. <button>Accept all</button></div>
<main><article><h1>{title}</h1>
{body}
</article></main>
<aside class="sidebar"><h2>Most read</h2><ul>{links}</ul></aside>
<footer><p>Copyright {host}. <a href="/terms" rel="nofollow">Terms of use</a>
<a href="/privacy" rel="nofollow">Privacy policy</a></p></footer>
</body></html>"""


@dataclass(frozen=True, slots=True)
class Page:
    kind: str
    url: str
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    headers: str = ""


def make_pages(pages: int) -> Iterator[Page]:
    """All pages in the order of the crawl. Raises ValueError if there are not enough articles for so many."""
    choose = random.Random(SEED)
    counts = {kind: max(1, round(share * pages)) for kind, share in SHARES.items()}
    made: list[Page] = []
    originals: list[Article] = []
    kinds: tuple[Kind, ...] = ("explains", "lists")
    for kind in kinds:
        labelled, others = _pools(kind)
        first = round(LABELLED * counts[kind])
        chosen = [*_take(labelled, first, pages), *_take(others, counts[kind] - first, pages)]
        originals += chosen
        made += [_article(choose, number, article) for number, article in enumerate(chosen)]
    for other, maker in MAKERS.items():
        made += [maker(choose, number, originals) for number in range(counts[other])]
    choose.shuffle(made)
    yield from made


def held_out() -> list[Article]:
    """Articles that explain, of both kinds of site, and are on no page: the last that a larger web would take."""
    labelled, others = _pools("explains")
    return labelled[-HELD_OUT // 2 :] + others[-HELD_OUT // 2 :]


def _pools(kind: Kind) -> tuple[list[Article], list[Article]]:
    """The articles of a kind in random order: for the sites with a label, and for the others."""
    pools: tuple[list[Article], list[Article]] = [], []
    for article in read_articles():
        if article.kind == kind:
            pools[article.package not in LABELLED_PACKAGES].append(article)
    for pool in pools:
        random.Random(SEED).shuffle(pool)
    return pools


def _take(pool: list[Article], count: int, pages: int) -> list[Article]:
    if count > len(pool) - HELD_OUT:
        raise ValueError(f"{pages} pages need {count} articles of a kind, and there are {len(pool) - HELD_OUT}")
    return pool[:count]


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _render(host: str, title: str, body: str, lang: str = "en", charset: str = "utf-8") -> str:
    links = "".join(f'<li><a href="/{_slug(text)}" rel="nofollow">{text}</a></li>' for text in BOILERPLATE[:12])
    return LAYOUT.format(lang=lang, charset=charset, title=html.escape(title), host=host, body=body, links=links)


def _page(kind: str, host: str, title: str, paragraphs: Sequence[str], lang: str = "en") -> Page:
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    return Page(kind, f"http://{host}/{_slug(title)}", _render(host, title, body, lang).encode())


def _article_page(kind: str, host: str, article: Article, more: Sequence[str] = ()) -> Page:
    """An article as its sites show it: sentences, parameters one below the other or in a table, changes by version."""
    start, line, end = "", "<p>{}</p>\n", ""
    if article.form == "changes":
        start, line, end = "<ul>\n", "<li>{}</li>\n", "</ul>\n"
    elif article.form == "reference" and zlib.crc32(article.title.encode()) % 4 == 0:
        start, line, end = "<table>\n", "<tr><td>{}</td></tr>\n", "</table>\n"
    body = ""
    for section in article.sections:
        body += f"<h2>{html.escape(section.heading)}</h2>\n" if section.heading else ""
        body += start + "".join(line.format(html.escape(entry)) for entry in section.entries) + end
    body += "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in more)
    return Page(
        kind, f"http://{host}/{article.form}/{_slug(article.title)}", _render(host, article.title, body).encode()
    )


def _article(choose: random.Random, number: int, article: Article) -> Page:
    labelled = article.package in LABELLED_PACKAGES
    host = choose.choice(LABELLED_HOSTS[article.kind] if labelled else OTHER_HOSTS)
    if number % 9:
        return _article_page(article.kind, host, article)
    # Something for the removal of personal data to find.
    contact = f"Questions about this page go to editor{number}@example.org or to +1 202 555 01{number % 100:02d}."
    return _article_page(article.kind, host, article, [contact])


def _mirror(choose: random.Random, number: int, articles: list[Article]) -> Page:
    return _article_page("mirror", f"mirror{number}.example", choose.choice(articles))


def _near_copy(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """A few words changed, or a sentence put in front."""
    article = choose.choice(articles)
    *before, last = article.sections
    if number % 2:
        note = "This page was first published elsewhere and is shown here with small corrections by us."
        changed = replace(article, sections=(Section("", (note,)), *article.sections))
    else:
        words = last.entries[-1].split()
        for _ in range(3):
            words[choose.randrange(max(1, len(words) - 1))] = "indeed"
        changed = replace(article, sections=(*before, replace(last, entries=(*last.entries[:-1], " ".join(words)))))
    return _article_page("near_copy", f"reprints{number}.example", changed)


def _licence(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """Licences of packages: near copies of each other, as they are on the web."""
    name, text = read_licences()[number]
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    return _page("licence", "licences.example.net", f"Licence of {name}", [block for block in blocks if block])


def _boilerplate(choose: random.Random, number: int, articles: list[Article]) -> Page:
    return _page("boilerplate", f"portal{number}.example", "Welcome", choose.choices(BOILERPLATE, k=40))


def _spam(choose: random.Random, number: int, articles: list[Article]) -> Page:
    one, other = choose.sample(GOODS, 2)
    paragraphs = [
        " ".join(choose.choice(SPAM).format(one, other) for _ in range(choose.randint(3, 8)))
        for _ in range(choose.randint(4, 10))
    ]
    return _page("spam", choose.choice(SPAM_HOSTS), f"Cheap {one} {number}", paragraphs)


def _short(choose: random.Random, number: int, articles: list[Article]) -> Page:
    sentence = choose.choice(articles).paragraphs[0]
    return _page("short", "forum.example.com", f"Question {number}", [sentence, "Thanks!"])


def _other_language(choose: random.Random, number: int, articles: list[Article]) -> Page:
    lang = sorted(LANGUAGES)[number % len(LANGUAGES)]
    sentences = list(LANGUAGES[lang]) * 3
    choose.shuffle(sentences)
    paragraphs = [" ".join(sentences[start : start + 6]) for start in range(0, len(sentences), 6)]
    return _page("other_language", f"{lang}.example.org", f"{lang} {number}", paragraphs, lang)


def _empty(choose: random.Random, number: int, articles: list[Article]) -> Page:
    body = b"" if number % 2 else b"<!DOCTYPE html><html><head><title>Empty</title></head><body></body></html>"
    return Page("empty", f"http://parked.example/{number}", body)


def _not_found(choose: random.Random, number: int, articles: list[Article]) -> Page:
    page = _page("not_found", "docs.example.org", f"Page not found {number}", ["There is nothing here."])
    return replace(page, status="404 Not Found")


def _redirect(choose: random.Random, number: int, articles: list[Article]) -> Page:
    url = f"http://docs.example.org/old/{number}"
    headers = "Location: http://docs.example.org/\r\n"
    return Page("redirect", url, b"", status="301 Moved Permanently", headers=headers)


def _pdf(choose: random.Random, number: int, articles: list[Article]) -> Page:
    return Page("pdf", f"http://library.example.edu/{number}.pdf", b"%PDF-1.7\n%%EOF\n", "application/pdf")


def _broken_encoding(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """Says UTF-8 and is Latin-1."""
    page = _page("broken_encoding", "old.example.net", f"Café {number}", LANGUAGES["fr"], "fr")
    return replace(page, body=page.body.decode().encode("latin-1"))


def _too_deep(choose: random.Random, number: int, articles: list[Article]) -> Page:
    body = "<div>" * 1000 + "deep" + "</div>" * 1000
    return Page("too_deep", f"http://trap.test/{number}", _render("trap.test", "Deep", body).encode())


MAKERS = {
    "mirror": _mirror, "near_copy": _near_copy, "licence": _licence, "boilerplate": _boilerplate, "spam": _spam,
    "short": _short, "other_language": _other_language, "empty": _empty, "not_found": _not_found,
    "redirect": _redirect, "pdf": _pdf, "broken_encoding": _broken_encoding, "too_deep": _too_deep,
}  # fmt: skip
